/*
 * Elements as numbers, pictures as pixels of a canvas.
 *
 * A picture is { dtype, rows, columns, channels, planes, layers, composite, alpha, inverted }: its planes stand below
 * each other, and a layer { plane, channel, name, colour, range, table } is shown in a colour, its indexes by the table
 * of a palette. A composite has a window for each layer, and other pictures one for all.
 */

const SAMPLE = 2 ** 16; // number of sampled values for percentiles
const TAIL = 0.001; // share of values that become black or white

const ARRAYS = {
  b1: Uint8Array, u1: Uint8Array, i1: Int8Array, u2: Uint16Array, i2: Int16Array, u4: Uint32Array, i4: Int32Array,
  u8: BigUint64Array, i8: BigInt64Array, f2: Uint16Array, f4: Float32Array, f8: Float64Array,
};

function sizeOf(dtype) {
  return Number(dtype[2]);
}

/** The elements of a dtype as an array of numbers. */
function valuesOf(dtype, bytes) {
  const size = sizeOf(dtype);
  let data = bytes;
  if (dtype[0] === ">" && size > 1) {
    data = new Uint8Array(bytes.length);
    for (let i = 0; i < bytes.length; i++) data[i - (i % size) + size - 1 - (i % size)] = bytes[i];
  } else if (bytes.byteOffset % size) {
    data = bytes.slice();
  }
  const kind = dtype.slice(1);
  const values = new ARRAYS[kind](data.buffer, data.byteOffset, data.length / size);
  if (kind === "b1") return values.map((value) => (value ? 1 : 0));
  if (kind === "f2") return Float32Array.from(values, halfToNumber);
  if (kind === "u8" || kind === "i8") return Float64Array.from(values, Number);
  return values;
}

function halfToNumber(half) {
  const sign = half >> 15 ? -1 : 1;
  const exponent = (half >> 10) & 31;
  const fraction = half & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : fraction * 2 ** -24);
}

/** The elements of a layer of a picture: the first one, and their number; they are `channels` apart. */
function elementsOf({ rows, columns, channels }, { plane, channel }) {
  return [plane * rows * columns * channels + channel, rows * columns];
}

/** The least and the greatest value of some layers. */
function extremesOf(picture, values, layers) {
  let [low, high] = [Infinity, -Infinity];
  for (const layer of layers) {
    const [first, count] = elementsOf(picture, layer);
    for (let i = 0; i < count; i++) {
      const value = values[first + i * picture.channels];
      if (value < low && value > -Infinity) low = value;
      if (value > high && value < Infinity) high = value;
    }
  }
  return low < high ? [low, high] : [Math.min(low, 0) || 0, Math.max(high, 1) || 1];
}

/** The default window of layers: that of the file, or the whole range for bytes, or percentiles. */
function windowOf(picture, values, layers) {
  if (layers[0].range) return layers[0].range;
  if (picture.dtype === "|u1") return [0, 255];
  if (picture.dtype === "|b1") return [0, 1];
  const sample = [];
  for (const layer of layers) {
    const [first, count] = elementsOf(picture, layer);
    let step = Math.ceil(count / SAMPLE);
    while (step > 1 && picture.columns % step === 0) step++; // otherwise it samples only a few columns
    for (let i = 0; i < count; i += step) sample.push(values[first + i * picture.channels]);
  }
  const sorted = Float64Array.from(sample.filter(Number.isFinite)).sort();
  const last = sorted.length - 1;
  const [low, high] = [sorted[Math.floor(last * TAIL)], sorted[Math.ceil(last * (1 - TAIL))]];
  return low < high ? [low, high] : extremesOf(picture, values, layers);
}

/** The groups of layers with a common window: one per channel if channels have colours, and otherwise one of all layers. */
function windowedOf(picture) {
  return picture.composite ? picture.layers.map((layer) => [layer]) : [picture.layers];
}

/** The default window of each layer. */
function windowsOf(picture, values) {
  return windowedOf(picture).flatMap((layers) => layers.map(() => windowOf(picture, values, layers)));
}

/** Allocates the bytes of a picture. */
function emptyOf({ dtype, rows, columns, channels, planes }) {
  return new Uint8Array(planes * rows * columns * channels * sizeOf(dtype));
}

/** Copies a piece into the bytes of a picture. */
function placePiece(picture, out, [, , row, rows, column, columns, channel, channels], data) {
  const size = sizeOf(picture.dtype);
  const whole = channels === picture.channels;
  const run = (whole ? columns * channels : channels) * size;
  let from = 0;
  for (let y = row; y < row + rows; y++) {
    for (let x = column; x < column + columns; x += whole ? columns : 1) {
      out.set(data.subarray(from, from + run), ((y * picture.columns + x) * picture.channels + channel) * size);
      from += run;
    }
  }
}

/** The canvas pixels of a picture, reduced by a whole factor. Layers without a window are off. */
function pixelsOf(picture, values, windows, factor = 1) {
  const { rows, columns, channels, layers, alpha, inverted } = picture;
  const [height, width] = [Math.ceil(rows / factor), Math.ceil(columns / factor)];
  const image = new ImageData(width, height);
  const out = image.data;
  const mean = (first, y, x, table) => {
    let sum = 0;
    let count = 0;
    const [endRow, endColumn] = [Math.min((y + 1) * factor, rows), Math.min((x + 1) * factor, columns)];
    for (let r = y * factor; r < endRow; r++) {
      for (let c = x * factor; c < endColumn; c++) {
        const value = values[first + (r * columns + c) * channels];
        sum += table ? table[value] : value;
        count++;
      }
    }
    return sum / count;
  };
  const opaque = 255 / (256 ** sizeOf(picture.dtype) - 1);
  if (!alpha) new Uint32Array(out.buffer).fill(0xff000000); // the last byte is the alpha value
  for (let y = 0, to = 3; alpha && y < height; y++) {
    for (let x = 0; x < width; x++, to += 4) out[to] = mean(channels - 1, y, x) * opaque;
  }
  layers.forEach((layer, k) => {
    if (!windows[k]) return;
    const [first] = elementsOf(picture, layer);
    const [low, high] = windows[k];
    const [red, green, blue] = layer.colour;
    const scale = 255 / (high - low);
    for (let y = 0, to = 0; y < height; y++) {
      for (let x = 0; x < width; x++, to += 4) {
        let value = (mean(first, y, x, layer.table) - low) * scale;
        if (inverted) value = 255 - value;
        if (!(value > 0)) continue;
        value = Math.min(value, 255);
        if (red) out[to] += value * red;
        if (green) out[to + 1] += value * green;
        if (blue) out[to + 2] += value * blue;
      }
    }
  });
  return image;
}

const COLOURS = [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1], [0, 1, 1], [1, 0, 1], [1, 1, 0]]; // those of ImageJ

/** The picture of the frames of an entry, displayed according to its header; several frames form one if an axis is of channels. */
function pictureOf({ dtype, rows, columns, channels }, planes, { channels: told = [], window, inverted = false, palette }) {
  const picture = { dtype, rows, columns, channels, planes, inverted, composite: false, alpha: false };
  if (palette && channels === 1 && planes === 1 && (dtype === "|u1" || dtype === "|b1")) {
    const table = (part) => (dtype === "|u1" ? part : part.map((value) => value / 255));
    return { ...picture, layers: palette.map((part, i) => ({ plane: 0, channel: 0, colour: COLOURS[i], table: table(part) })) };
  }
  const alpha = planes === 1 && (channels === 2 || channels === 4) && (dtype === "|u1" || dtype === "<u2");
  const composite = planes > 1 || (channels > 1 && !alpha && channels !== 3 && channels <= COLOURS.length);
  const count = composite ? Math.max(planes, channels) : channels < 3 ? 1 : 3;
  const isGrey = composite && told.length === count && told.every(({ colour = [1, 1, 1] }) => colour.every((part) => part === 1));
  const layers = Array.from({ length: count }, (_, i) => ({
    plane: planes > 1 ? i : 0,
    channel: planes > 1 ? 0 : i,
    name: told[i]?.name || `Channel ${i + 1}`,
    colour: count === 1 ? [1, 1, 1] : (composite && !isGrey && told[i]?.colour) || COLOURS[i],
    range: told[i]?.range || window,
  }));
  return { ...picture, layers, composite, alpha };
}

/** Makes pieces transparent on a canvas whose picture is reduced by a factor. */
function clearFaults(canvas, { rows }, faults, factor) {
  const context = canvas.getContext("2d");
  for (const [, , row, height, column, width] of faults) {
    const [x, y] = [Math.floor(column / factor), Math.floor((row % rows) / factor)];
    context.clearRect(x, y, Math.ceil(width / factor), Math.ceil(height / factor));
  }
}

/** The factor of reduction with which no side of a picture is longer than this. */
function factorFor(picture, side) {
  return Math.max(1, Math.ceil(Math.max(picture.rows, picture.columns) / side));
}
