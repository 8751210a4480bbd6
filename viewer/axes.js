/* Axes, channels and window of frames, from the headers of files. src/bitsback/files does the same. */

const AXES = { t: "Time", z: "Z", c: "Channel", frame: "Frame", page: "Page", slice: "Slice" };
const TIFF_AXES = { T: "t", Z: "z", C: "c", I: "page", Q: "page" };
const VOLUME_AXES = ["x", "y", "z", "t", "c"];
const MOST_TAGS = 4096;
const MICRO = { micron: "µm", um: "µm", "\\u00B5m": "µm" };

const product = (numbers) => numbers.reduce((all, number) => all * number, 1);
const latin = (bytes) => new TextDecoder("latin1").decode(bytes);
const numbersIn = (text) => (text || "").trim().split(/\s+/).map(Number);

/** A range of values, or undefined if it is invalid. */
function rangeOf(low, high) {
  return Number.isFinite(low) && Number.isFinite(high) && low < high ? [low, high] : undefined;
}

/** The numbers at a fixed distance, from each of these places on. */
function everyOf(numbers, count, places) {
  return places.map((place) => Array.from(numbers).filter((_, i) => i % count === place));
}

/** An axis: its name, its length, and the distance between neighbours. */
function axisOf(name, length, step = 0, unit = "") {
  return step > 0 && step < Infinity ? { name, length, step, unit } : { name, length };
}

/**
 * The content of the container metadata of an entry: { rows, axes, channels: [{ name, colour, range }], window,
 * inverted, palette }: rows and axes of frames, the slowest axis first; all reds, all greens and all blues of a
 * palette. `bytes`: of the file around its pixels. `header`: the decoder's description of the metadata.
 */
function factsOf(entry, bytes, header) {
  const start = header.pieces.length ? bytes.at(0, header.pieces[0][2]) : new Uint8Array();
  let found;
  try {
    found = dicomFacts(start) || tiffFacts(bytes, start, header.frames, entry) || volumeFacts(start) || bitmapFacts(start);
  } catch { /* a damaged header is ignored */ }
  const rows = header.rows || found?.rows;
  const lengths = found ? [...found.axes.map((axis) => axis.length), rows] : [];
  const isSound = found && lengths.every((length) => Number.isInteger(length) && length > 0);
  if (isSound && product(lengths) === (header.rows ? header.frames * rows : entry.rows)) return { ...found, rows };
  const count = Math.max(1, header.frames);
  const axis = start.length ? axisOf("page", count) : { ...axisOf("frame", count), first: 0 };
  const palette = header.palette.length ? everyOf(header.palette, 3, [0, 1, 2]) : found?.palette;
  return { rows: header.rows || entry.rows, axes: [axis], palette };
}

/** The bytes of a file around its pixels. */
class HeaderBytes {
  /** `pieces`: places of bytes in the file and in the metadata, and their numbers. */
  constructor(pieces, metadata) {
    Object.assign(this, { pieces, metadata });
  }

  /** Those of a whole file. */
  static whole(data) {
    return new HeaderBytes([[0, 0, data.length]], data);
  }

  /** A range of bytes of the file, with zeros in place of pixels. */
  at(place, length) {
    const out = new Uint8Array(Math.min(length, this.metadata.length));
    for (const [start, own, size] of this.pieces) {
      const [from, to] = [Math.max(start, place), Math.min(start + size, place + out.length)];
      if (from < to) out.set(this.metadata.subarray(own + from - start, own + to - start), from - place);
    }
    return out;
  }
}

const isTiff = (start) => /^(II[*+]\0|MM\0[*+])/.test(latin(start));

/** The tags of a page of a TIFF file, by default of the first one, and the place of the next page, or 0. */
class TiffTags {
  constructor(bytes, page) {
    this.bytes = bytes;
    this.little = bytes.at(0, 1)[0] === 0x49;
    const [word, head] = this.number(2, 2) === 43 ? [8, 8] : [4, 2];
    page ??= this.number(word, word);
    this.places = new Map(); // number of a tag -> place and size of its value, and the size of a part of it
    const count = Math.min(this.number(page, head), MOST_TAGS);
    for (let i = 0; i < count; i++) {
      const at = page + head + i * (4 + 2 * word);
      const part = [0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 8, 8][this.number(at + 2, 2)];
      const size = this.number(at + 4, word) * part;
      this.places.set(this.number(at, 2), [size > word ? this.number(at + 4 + word, word) : at + 4 + word, size, part]);
    }
    this.next = this.number(page + head + count * (4 + 2 * word), word);
  }

  number(place, size) {
    const view = new DataView(this.bytes.at(place, size).buffer);
    if (size === 8) return Number(view.getBigUint64(0, this.little));
    return size === 4 ? view.getUint32(0, this.little) : view.getUint16(0, this.little);
  }

  /** The bytes of a value, at most so many. */
  value(tag, most = Infinity) {
    const [place, size] = this.places.get(tag) || [0, 0];
    return this.bytes.at(place, Math.min(size, most));
  }

  /** How many numbers a value has. */
  count(tag) {
    const [, size, part] = this.places.get(tag) || [0, 0, 1];
    return size / part;
  }

  /** A whole number of a value. */
  item(tag, i) {
    const [place, , part] = this.places.get(tag);
    return this.number(place + i * part, part);
  }
}

function tiffFacts(bytes, start, frames, entry) {
  if (!isTiff(start.subarray(0, 4))) return undefined;
  const tags = new TiffTags(bytes);
  const text = new TextDecoder().decode(tags.value(270)).replace(/\0.*$/s, "");
  if (/^(ImageJ|SCIFIO)=/.test(text)) return imageJFacts(text, tags, frames, entry);
  if (text.trimEnd().endsWith("OME>")) return omeFacts(text, frames, entry);
  if (text.startsWith('{"shape":')) return shapedFacts(JSON.parse(text));
  return { axes: [], palette: tiffPalette(tags) };
}

/** The palette, with parts of 16 bits. */
function tiffPalette(tags) {
  const [place, size] = tags.places.get(320) || [0, 0];
  const part = (i) => Array.from({ length: size / 6 }, (_, k) => tags.number(place + (i * size) / 3 + 2 * k, 2) >> 8);
  return size > 0 && size <= 6 * 256 ? [0, 1, 2].map(part) : undefined;
}

/** Source: ij/io/TiffEncoder.java and FileInfo.java of ImageJ. */
function imageJFacts(text, tags, frames, entry) {
  const fields = Object.fromEntries([...text.matchAll(/^(\w+)=(.*)$/gm)].map(([, name, value]) => [name, value.trim()]));
  const unit = MICRO[fields.unit] || fields.unit || "";
  const isReal = !["", "pixel", "inch"].includes(unit);
  const axes = {
    c: axisOf("c", entry.channels > 1 ? 1 : Number(fields.channels || 1)),
    z: axisOf("z", Number(fields.slices || 1), isReal && Number(fields.spacing), unit),
    t: axisOf("t", Number(fields.frames || 1), Number(fields.finterval), "s"),
  };
  const order = [...(fields.order || "czt").toLowerCase()].reverse().map((name) => axes[name]);
  const others = frames / product(order.map((axis) => axis.length));
  return {
    axes: others > 1 ? [axisOf("page", others), ...order] : order,
    channels: imageJChannels(tags),
    window: rangeOf(Number(fields.min ?? NaN), Number(fields.max ?? NaN)),
  };
}

/** The ranges of channels, and their tables of colours, whose last colour is that of white. */
function imageJChannels(tags) {
  const counts = tags.value(50838);
  const data = tags.value(50839);
  if (!data.length) return undefined;
  const view = new DataView(data.buffer);
  const count = (i) => new DataView(counts.buffer).getUint32(4 * i, tags.little);
  const channels = [];
  let [at, part] = [count(0), 1];
  for (let head = 4; head < count(0); head += 8) {
    const kind = latin(tags.little ? data.slice(head, head + 4).reverse() : data.slice(head, head + 4));
    for (let i = 0; i < view.getUint32(head + 4, tags.little); i++, part++) {
      const size = count(part);
      const number = (n) => view.getFloat64(at + 8 * n, tags.little);
      if (kind === "rang") {
        for (let k = 0; k < size / 16; k++) channels[k] = { ...channels[k], range: rangeOf(number(2 * k), number(2 * k + 1)) };
      }
      if (kind === "luts") channels[i] = { ...channels[i], colour: [255, 511, 767].map((k) => data[at + k] / 255) };
      at += size;
    }
  }
  return channels;
}

/** Source: the schema of OME-XML, www.openmicroscopy.org/Schemas. */
function omeFacts(text, frames, entry) {
  const all = new DOMParser().parseFromString(text, "text/xml").getElementsByTagNameNS("*", "Pixels");
  if (all.length !== 1) return undefined;
  const pixels = all[0];
  const number = (name) => Number(pixels.getAttribute(name));
  const unit = (name, missing) => pixels.getAttribute(`${name}Unit`) || missing;
  const axes = {
    C: axisOf("c", entry.channels > 1 ? number("SizeC") / entry.channels : number("SizeC")),
    Z: axisOf("z", number("SizeZ"), number("PhysicalSizeZ"), unit("PhysicalSizeZ", "µm")),
    T: axisOf("t", number("SizeT"), number("TimeIncrement"), unit("TimeIncrement", "s")),
  };
  const order = [...pixels.getAttribute("DimensionOrder")].slice(2); // the fastest axis first
  for (const data of pixels.getElementsByTagNameNS("*", "TiffData")) {
    const first = (letter) => Number(data.getAttribute(`First${letter}`));
    const place = order.reduceRight((index, letter) => index * axes[letter].length + first(letter), 0);
    if (data.hasAttribute("IFD") && Number(data.getAttribute("IFD")) !== place) return undefined;
  }
  const colour = (value) => [24, 16, 8].map((shift) => ((value >> shift) & 255) / 255);
  const channels = Array.from(pixels.getElementsByTagNameNS("*", "Channel"), (channel) => ({
    name: channel.getAttribute("Name"),
    colour: channel.hasAttribute("Color") ? colour(Number(channel.getAttribute("Color"))) : undefined,
  }));
  return { axes: order.reverse().map((letter) => axes[letter]), channels };
}

/** The description written by tifffile. */
function shapedFacts({ shape, axes = "" }) {
  const names = [...axes.slice(0, axes.indexOf("Y"))];
  return { axes: names.map((letter, i) => axisOf(TIFF_AXES[letter] || letter.toLowerCase(), shape[i])) };
}

const LONG = ["OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"];
const UNDEFINED = 0xffffffff;

/** The elements of a DICOM file from a place on, except those in sequences: tags, and places of values. */
function* dicomElements(view, at, explicit, little) {
  let depth = 0;
  while (at + 8 <= view.byteLength) {
    const tag = view.getUint16(at, little) * 65536 + view.getUint16(at + 2, little);
    const kind = explicit && tag < 0xfffe0000 ? latin(new Uint8Array(view.buffer, at + 4, 2)) : "";
    const isLong = LONG.includes(kind);
    const length = kind && !isLong ? view.getUint16(at + 6, little) : view.getUint32(at + (isLong ? 8 : 4), little);
    at += isLong ? 12 : 8;
    if (tag === 0xfffee00d || tag === 0xfffee0dd) {
      depth--;
      continue;
    }
    if (!depth) yield { tag, at, length };
    if (length !== UNDEFINED) at += length;
    else if (kind === "UN" || tag === 0x7fe00010) return;
    else depth++;
  }
}

/** Source: DICOM PS3.3, PS3.5 and PS3.10. */
function dicomFacts(start) {
  if (latin(start.subarray(128, 132)) !== "DICM") return undefined;
  const view = new DataView(start.buffer);
  const text = ({ at, length }) => latin(start.subarray(at, at + Math.min(length, 256))).replace(/[\0 ]+$/, "");
  let [body, syntax] = [132, ""];
  for (const element of dicomElements(view, 132, true, true)) {
    if (element.tag >= 0x30000) break;
    body = element.at + element.length;
    if (element.tag === 0x20010) syntax = text(element);
  }
  const little = syntax !== "1.2.840.10008.1.2.2";
  const values = new Map();
  let rows = 0;
  for (const element of dicomElements(view, body, syntax !== "1.2.840.10008.1.2", little)) {
    if (element.tag === 0x280010) rows = view.getUint16(element.at, little);
    else if (element.length < 256) values.set(element.tag, text(element));
  }
  const number = (tag, missing) => Number(values.get(tag)?.split("\\")[0] || missing);
  const [between, time] = [number(0x180088, 0) || number(0x180050, 0), number(0x181063, 0)];
  const name = time > 0 ? "t" : between > 0 ? "z" : "frame";
  const [centre, width] = [number(0x281050, NaN), number(0x281051, NaN)];
  const [slope, intercept] = [number(0x281053, 1), number(0x281052, 0)];
  return {
    rows,
    axes: [axisOf(name, number(0x280008, 1), time || between, time ? "ms" : "mm")],
    window: slope > 0 ? rangeOf(...[-0.5, 0.5].map((side) => (centre + side * width - intercept) / slope)) : undefined,
    inverted: values.get(0x280004) === "MONOCHROME1",
  };
}

/** A BMP file with a palette. */
function bitmapFacts(start) {
  if (latin(start.subarray(0, 2)) !== "BM" || start.length < 54) return undefined;
  const view = new DataView(start.buffer);
  const colours = start.subarray(14 + view.getUint32(14, true), view.getUint32(10, true));
  return { axes: [], palette: colours.length ? everyOf(colours, 4, [2, 1, 0]) : undefined };
}

/** Files of voxels: lengths of axes and distances along them, the fastest axis first. */
function volumeFacts(start) {
  const text = latin(start.subarray(0, 2 ** 16));
  const found = niftiVolume(start) || mrcVolume(start) || fitsVolume(start) || textVolume(text);
  if (!found) return undefined;
  const { lengths, steps = [], units = [], window } = found;
  const axes = lengths.map((length, i) => axisOf(VOLUME_AXES[i], length, steps[i], units[i]));
  return { rows: lengths[1], axes: axes.slice(2).reverse(), window };
}

/** Source: nifti1.h and nifti2.h. */
function niftiVolume(start) {
  const two = latin(start.subarray(4, 7)) === "n+2";
  if (!two && latin(start.subarray(344, 347)) !== "n+1") return undefined;
  const view = new DataView(start.buffer);
  const little = [348, 540].includes(view.getInt32(0, true));
  const float = (one, other, i) => (two ? view.getFloat64(other + 8 * i, little) : view.getFloat32(one + 4 * i, little));
  const length = (i) => (two ? Number(view.getBigInt64(16 + 8 * i, little)) : view.getInt16(40 + 2 * i, little));
  const counts = Array.from({ length: Math.min(length(0), 7) }, (_, i) => i + 1);
  const units = two ? view.getInt32(500, little) : view.getUint8(123);
  const space = ["", "m", "mm", "µm"][units & 7];
  const slope = float(112, 176, 0) || 1;
  const intercept = float(112, 176, 0) ? float(112, 176, 1) : 0;
  return {
    lengths: counts.map(length),
    steps: counts.map((i) => float(76, 104, i)),
    units: [space, space, space, ["", "s", "ms", "µs"][(units >> 3) & 7]],
    window: slope > 0 ? rangeOf(...[1, 0].map((i) => (float(124, 192, i) - intercept) / slope)) : undefined,
  };
}

/** Source: ccpem.ac.uk/mrc_format/mrc2014.php. */
function mrcVolume(start) {
  if (latin(start.subarray(208, 212)) !== "MAP ") return undefined;
  const view = new DataView(start.buffer);
  const little = start[212] !== 0x11;
  const steps = [0, 4, 8].map((at) => view.getFloat32(40 + at, little) / view.getInt32(28 + at, little));
  return { lengths: [0, 4, 8].map((at) => view.getInt32(at, little)), steps, units: ["Å", "Å", "Å"] };
}

/** The image whose header directly precedes its pixels. Source: the FITS standard 4.0. */
function fitsVolume(start) {
  if (latin(start.subarray(0, 9)) !== "SIMPLE  =") return undefined;
  const text = latin(start);
  const header = text.slice(Math.max(0, text.lastIndexOf("XTENSION=")));
  return { lengths: [...header.matchAll(/NAXIS\d+ *= *(\d+)/g)].map(([, length]) => Number(length)) };
}

/** NRRD and MetaImage. Sources: teem.sourceforge.net/nrrd/format.html, itk.org/Wiki/ITK/MetaIO. */
function textVolume(text) {
  const field = (name) => new RegExp(`^${name}(?:: | *= *)(.*)$`, "m").exec(text)?.[1].trim();
  if (text.startsWith("ObjectType")) {
    return { lengths: numbersIn(field("DimSize")), steps: numbersIn(field("ElementSpacing")), units: ["mm", "mm", "mm"] };
  }
  if (!text.startsWith("NRRD000")) return undefined;
  const first = /^\S*(color|vector|list|point)/i.test(field("kinds") || "") ? 1 : 0;
  const vectors = [...(field("space directions") || "").matchAll(/none|\([^)]*\)/g)];
  const lengthOf = ([vector]) => Math.hypot(...vector.replace(/[()]/g, "").split(",").map(Number));
  const steps = vectors.length ? vectors.map(lengthOf) : numbersIn(field("spacings"));
  const units = [...(field("space units") || field("units") || "").matchAll(/"([^"]*)"/g)].map(([, unit]) => unit);
  const lengths = numbersIn(field("sizes"));
  return {
    lengths: lengths.slice(first),
    steps: steps.slice(first),
    units: units.slice(units.length < lengths.length ? 0 : first),
  };
}
