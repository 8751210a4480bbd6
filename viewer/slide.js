/*
 * Whole slides: TIFF files whose largest page is in JPEG tiles. The browser decodes the tiles in sight.
 * src/bitsback/files/tiff/slides.py does the same. Sources: TIFF, technical note 2 (JPEG); Aperio's descriptions of pages.
 */

const SLIDE_PAGES = 1000; // most pages of a file
const SLIDE_TILES = 2 ** 22; // most tiles of a page
const VALUE_BYTES = 2 ** 16; // most bytes of a description, or of tables of JPEG
const TILES_IN_SIGHT = 4096;
const DECODED_TILES = 512; // those that a page keeps
const PAGE_NAME = /^\s*(label|macro|thumbnail|overview)\b/im;
const ADOBE = [0xff, 0xee, 0, 14, 0x41, 0x64, 0x6f, 0x62, 0x65, 0, 100, 0, 0, 0, 0]; // the transform follows
const [SUBIFDS, JPEG_TABLES] = [330, 347];

/** The pages of a TIFF file, and the pages inside of them. */
function slidePages(bytes) {
  const pages = [];
  let place;
  for (let number = 1; pages.length < SLIDE_PAGES && place !== 0; number++) {
    const tags = new TiffTags(bytes, place);
    pages.push(new SlidePage(tags, `page ${number}`));
    for (let i = 0; i < tags.count(SUBIFDS) && pages.length < SLIDE_PAGES; i++) {
      pages.push(new SlidePage(new TiffTags(bytes, tags.item(SUBIFDS, i)), `page ${number}.${i + 1}`));
    }
    place = tags.next;
  }
  return pages;
}

/** A page in JPEG tiles or strips. */
class SlidePage {
  constructor(tags, name) {
    const one = (tag, missing = 0) => (tags.count(tag) ? tags.item(tag, 0) : missing);
    this.tags = tags;
    [this.columns, this.rows, this.samples] = [one(256), one(257), one(277, 1)];
    this.description = latin(tags.value(270, VALUE_BYTES));
    const isSecond = name === "page 2" && this.description.startsWith("Aperio");
    this.name = PAGE_NAME.exec(this.description)?.[1].toLowerCase() || (isSecond ? "thumbnail" : name);
    this.isTiled = tags.places.has(322);
    this.cell = this.isTiled ? [one(323), one(322)] : [Math.min(one(278, this.rows), this.rows), this.columns];
    this.across = Math.ceil(this.columns / this.cell[1]);
    this.isJpeg = one(259) === 7;
    if (!this.isJpeg) return;
    [this.places, this.sizes] = this.isTiled ? [324, 325] : [273, 279];
    const photometric = one(262);
    const bits = Array.from({ length: Math.min(tags.count(258), 3) }, (_, i) => tags.item(258, i));
    this.isReadable = bits.every((each) => each === 8) && one(284, 1) === 1
      && (this.samples === 1 ? photometric === 1 : this.samples === 3 && [2, 6].includes(photometric))
      && [this.places, this.sizes].every((tag) => tags.count(tag) === this.count);
    const transform = photometric === 6 ? 1 : 0;
    const tables = tags.value(JPEG_TABLES, VALUE_BYTES).slice(2, -2);
    this.start = new Uint8Array([0xff, 0xd8, ...(this.samples === 3 ? [...ADOBE, transform] : []), ...tables]);
    this.tiles = new Map(); // number -> a decoded tile, null while it is being decoded; the last used one at the end
  }

  /** The number of its tiles; NaN if it has a wrong size. */
  get count() {
    const count = this.across * Math.ceil(this.rows / this.cell[0]);
    return count > 0 && count <= SLIDE_TILES ? count : NaN;
  }

  /** The promise of a tile. */
  async decode(number) {
    const stream = this.tags.bytes.at(this.tags.item(this.places, number), this.tags.item(this.sizes, number));
    const image = new Blob([this.start, withoutApplications(stream)], { type: "image/jpeg" });
    return createImageBitmap(image, { colorSpaceConversion: "none", imageOrientation: "none" });
  }

  /** A decoded tile, or null; `changed` is called when it is there, or with a fault. */
  tile(number, changed) {
    const tile = this.tiles.get(number);
    this.tiles.delete(number);
    this.tiles.set(number, tile ?? null);
    if (tile === undefined) {
      const where = `row ${Math.floor(number / this.across)}, column ${number % this.across}`;
      this.decode(number).then((image) => {
        this.tiles.set(number, image);
        changed();
      }, () => changed(`the JPEG tile in ${where} cannot be decoded`));
    }
    return tile ?? null;
  }

  /** Forgets tiles that were not used recently. */
  forget(most = 0) {
    for (const [number, tile] of this.tiles) {
      if (this.tiles.size <= most) break;
      tile?.close();
      this.tiles.delete(number);
    }
  }
}

/** A JPEG stream without its start and without markers that state its colours. */
function withoutApplications(stream) {
  const kept = [];
  let at = 2;
  while (stream[at] === 0xff && stream[at + 1] !== 0xda) {
    const end = at + 2 + stream[at + 2] * 256 + stream[at + 3];
    if (stream[at + 1] < 0xe0 || stream[at + 1] > 0xef) kept.push(stream.subarray(at, end));
    at = end;
  }
  return new Blob([...kept, stream.subarray(at)]);
}

/**
 * The pages of a slide: { name, levels } of each, the slide first, the largest level of each first; undefined if the
 * file is no slide. isCoded: whether the archive has coded the pages that are not JPEG as pixels; they are the last
 * page here, without levels.
 */
function slideOf(bytes, isCoded) {
  if (!isTiff(bytes.at(0, 4))) return undefined;
  let pages;
  try {
    pages = slidePages(bytes);
  } catch {
    return undefined; // a damaged header
  }
  const area = (page) => page.rows * page.columns;
  const largest = pages.reduce((one, other) => (area(other) > area(one) ? other : one));
  if (!largest.isReadable) return undefined;
  const levels = new Map([[area(largest), largest]]);
  const others = [];
  for (const page of pages.filter((one) => one !== largest && one.isReadable)) {
    const isSame = page.isTiled === largest.isTiled && page.samples === largest.samples && isSmaller(page, largest);
    if (isSame && !PAGE_NAME.test(page.description) && !levels.has(area(page))) levels.set(area(page), page);
    else others.push({ name: page.name, levels: [page] });
  }
  const sorted = [...levels.values()].sort((one, other) => area(other) - area(one));
  const coded = pages.filter((page) => !page.isJpeg).map((page) => page.name).join(", ");
  return [{ name: "slide", levels: sorted }, ...others, ...(isCoded && coded ? [{ name: coded }] : [])];
}

/** Whether there may be JPEG streams in bytes. */
function hasJpeg(bytes) {
  for (let at = bytes.indexOf(0xff); at >= 0; at = bytes.indexOf(0xff, at + 1)) {
    if (bytes[at + 1] === 0xd8 && bytes[at + 2] === 0xff) return true;
  }
  return false;
}

/** Whether a page has the proportions of the largest one, except for rounding. */
function isSmaller(page, largest) {
  const difference = Math.abs(page.rows * largest.columns - page.columns * largest.rows);
  return difference <= Math.max(largest.rows, largest.columns) && page.rows < largest.rows;
}

/** The facts of a slide, for its entry. */
function slideFacts(pages) {
  const [{ levels: [{ rows, columns }] }] = pages;
  const axis = { name: "page", length: pages.length, names: pages.map((page) => page.name), first: 0 };
  return { axes: pages.length > 1 ? [axis] : [], slideSize: [columns, rows] };
}

/**
 * Draws the tiles of a page that are in sight, and forgets others. `changed` is called for each tile that has to be
 * decoded first. left, top: the corner of the page on the canvas. zoom: the size of a pixel of the largest level there.
 * Returns whether all tiles are drawn, or undefined if they are too many.
 */
function drawLevels(canvas, levels, left, top, zoom, changed) {
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = zoom < 1;
  context.clearRect(0, 0, canvas.width, canvas.height);
  const fine = levels.findLast((level) => level.columns >= zoom * levels[0].columns) || levels[0];
  let isWhole;
  for (const level of new Set([levels.at(-1), fine])) {
    const scale = [levels[0].columns / level.columns, levels[0].rows / level.rows].map((factor) => factor * zoom);
    const [height, width] = level.cell;
    const range = (corner, size, step, count) => [
      Math.max(0, Math.floor(-corner / step)), Math.min(count, Math.ceil((size - corner) / step)),
    ];
    const [column, endColumn] = range(left, canvas.width, width * scale[0], level.across);
    const [row, endRow] = range(top, canvas.height, height * scale[1], level.count / level.across);
    const count = Math.max(0, endColumn - column) * Math.max(0, endRow - row);
    isWhole = undefined;
    if (count > TILES_IN_SIGHT) continue;
    isWhole = true;
    for (let y = row; y < endRow; y++) {
      for (let x = column; x < endColumn; x++) {
        const tile = level.tile(y * level.across + x, changed);
        isWhole &&= tile !== null;
        if (!tile) continue;
        const [w, h] = [Math.min(width, level.columns - x * width), Math.min(height, level.rows - y * height)];
        const [toX, toY] = [left + x * width * scale[0], top + y * height * scale[1]];
        context.drawImage(tile, 0, 0, w, h, toX, toY, w * scale[0], h * scale[1]);
      }
    }
    level.forget(Math.max(count, DECODED_TILES));
  }
  return isWhole;
}

/** A small picture of a slide; null if too many tiles are needed. */
async function slideThumbnail([{ levels }], side) {
  const [{ columns, rows }] = levels;
  const zoom = Math.min(1, side / Math.max(columns, rows));
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [columns, rows].map((size) => Math.max(1, Math.round(size * zoom)));
  const isThere = await new Promise((resolve, reject) => {
    let timer = null;
    const draw = () => {
      timer = null;
      const isWhole = drawLevels(canvas, levels, 0, 0, zoom, (fault) => {
        if (fault) reject(new Error(fault));
        timer ??= setTimeout(draw, 20); // draws several new tiles at once
      });
      if (isWhole !== false) resolve(isWhole);
    };
    draw();
  });
  levels.forEach((level) => level.forget());
  return isThere ? canvas : null;
}
