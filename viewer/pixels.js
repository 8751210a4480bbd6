/* Elements as numbers, pictures as pixels of a canvas. */

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

/** Whether the last channel says how opaque a pixel is. */
function hasAlpha({ dtype, channels }) {
  return (channels === 2 || channels === 4) && (dtype === "|u1" || dtype === "<u2");
}

/** The values that are black and white: of bytes and bits all, of others the least and the greatest. */
function windowOf(picture, values) {
  if (picture.dtype === "|u1") return [0, 255];
  if (picture.dtype === "|b1") return [0, 1];
  const alpha = hasAlpha(picture);
  let [low, high] = [Infinity, -Infinity];
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (alpha && (i + 1) % picture.channels === 0) continue;
    if (value < low && value > -Infinity) low = value;
    if (value > high && value < Infinity) high = value;
  }
  return low < high ? [low, high] : [Math.min(low, 0) || 0, Math.max(high, 1) || 1];
}

/** Puts a piece of a picture where it belongs. */
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

/** The pixels of a picture, made smaller by a whole factor, as they are on a canvas. */
function pixelsOf(picture, values, [low, high], factor = 1) {
  const { rows, columns, channels } = picture;
  const [height, width] = [Math.ceil(rows / factor), Math.ceil(columns / factor)];
  const image = new ImageData(width, height);
  const out = image.data;
  const scale = 255 / (high - low);
  const colours = channels >= 3;
  const opaque = hasAlpha(picture) ? 255 / (256 ** sizeOf(picture.dtype) - 1) : 0;
  const sums = new Float64Array(channels);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      sums.fill(0);
      let count = 0;
      for (let r = y * factor; r < Math.min((y + 1) * factor, rows); r++) {
        for (let c = x * factor; c < Math.min((x + 1) * factor, columns); c++) {
          const at = (r * columns + c) * channels;
          for (let k = 0; k < channels; k++) sums[k] += values[at + k];
          count++;
        }
      }
      const to = 4 * (y * width + x);
      for (let k = 0; k < 3; k++) out[to + k] = (sums[colours ? k : 0] / count - low) * scale;
      out[to + 3] = opaque ? (sums[channels - 1] / count) * opaque : 255;
    }
  }
  return image;
}

/** How much smaller a picture has to be so that none of its sides is longer than this. */
function factorFor(picture, side) {
  return Math.max(1, Math.ceil(Math.max(picture.rows, picture.columns) / side));
}
