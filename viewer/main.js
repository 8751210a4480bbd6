/* The page: opening archives, the list of entries, search, progress. */

const PAGE = 512; // entries per request to the decoder
const AHEAD = 65536; // least number of bytes per read
const SEARCHED = 1e6; // entries whose names are searched
const PICTURES = /\.(jpe|jpe?g|jfif|png|gif|webp|avif|bmp|tiff?|svs)$/i; // names of files that the browser decodes
const SORTED = 1e5; // entries of which only pictures are shown at first
const THUMBNAIL = 256; // side of a thumbnail in pixels, twice its size on the page
const THUMBNAIL_ELEMENTS = 2 ** 24; // larger pictures have no thumbnails
const THUMBNAIL_BYTES = 2 ** 26; // nor have larger files that the browser decodes

const at = Object.fromEntries([...document.querySelectorAll("[id]")].map((element) => [element.id, element]));
const inside = JSON.parse(at.data.textContent);

async function unpacked(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** The bytes of a table, from the differences between its 16-bit numbers that `build.py` stores. */
function tableOf(changes) {
  const table = new Uint8Array(changes.length);
  let number = 0;
  for (let i = 0; i < changes.length / 2; i++) {
    number += changes[i] + 256 * changes[changes.length / 2 + i];
    table[2 * i] = number;
    table[2 * i + 1] = number >> 8;
  }
  return table;
}

const workerUrl = URL.createObjectURL(
  new Blob([at.shared.textContent, at.worker.textContent], { type: "text/javascript" }),
);
const startWorker = () => new Worker(workerUrl);

const ready = (async () => {
  const [module, table] = await Promise.all([
    unpacked(inside.decoder).then((bytes) => WebAssembly.compile(bytes)),
    unpacked(inside.table),
  ]);
  return { module, table: tableOf(table) };
})();

/** A model by its identity: from the page, or from beside it, where `bitsback view` serves all bundled models. */
async function findModel(identity) {
  const [, text] = inside.models[identity] || [];
  if (text) return unpacked(text);
  if (location.protocol.startsWith("http")) {
    const response = await fetch(`models/${identity}`).catch(() => null);
    if (response?.ok) return new Uint8Array(await response.arrayBuffer());
  }
  throw new Error(
    `the model ${identity} is not in this page: 'bitsback embed' puts it into the archive, and 'bitsback view' has it`,
  );
}

/** An open archive. */
class OpenArchive {
  static async open(source, changed) {
    const { module, table } = await ready;
    const decoder = await Decoder.of(module);
    const size = await source.size();
    decoder.exports.begin(size);
    const archive = new OpenArchive();
    archive.traffic = 0;
    for (;;) {
      try {
        archive.info = decoder.json("open");
        break;
      } catch (error) {
        if (!(error instanceof NeedsBytes)) throw error;
        const [start, length] = JSON.parse(error.message);
        // Reads near the end of the file include the index; other reads include the bytes that
        // follow.
        const first = start + length > size - AHEAD ? Math.max(0, Math.min(start, size - AHEAD)) : start;
        const end = Math.min(size, Math.max(start + length, first + AHEAD));
        const bytes = await source.read(first, end - first);
        archive.traffic += bytes.length;
        decoder.exports.give(first, ...decoder.given(bytes));
      }
    }
    const models = Array.from({ length: archive.info.models.length }, (_, i) => decoder.bytes("payload", i));
    const setup = { source: source.plain(), collection: decoder.bytes("payload", -1), models, given: [], table };
    const place = (number) => decoder.json("block", number);
    const scheduler = new Scheduler(module, setup, place, findModel, changed);
    const previews = new Previews(archive.info.previews, source, decoder);
    return Object.assign(archive, { source, decoder, scheduler, previews, pages: new Map() });
  }

  get count() {
    return this.info.entries;
  }

  entry(number) {
    const page = Math.floor(number / PAGE);
    if (!this.pages.has(page)) {
      if (this.pages.size > 64) this.pages.clear();
      const entries = this.decoder.json("entries", page * PAGE, PAGE);
      entries.forEach((entry, i) => {
        entry.number = page * PAGE + i;
        entry.name ||= this.source.name.replace(/\.bb$/, "");
      });
      this.pages.set(page, entries);
    }
    return this.pages.get(page)[number % PAGE];
  }

  /**
   * Completes an entry from the header of its file: its axes, and the displayed picture. The promise is that of
   * { slide, check }: the pages of a slide and a text about its checks, or nothing for other files.
   */
  describe(entry, urgent = false) {
    if (!entry.metadata || (entry.picture && !entry.slideSize)) {
      complete(entry);
      return { promise: Promise.resolve({}), drop() {} };
    }
    const pieces = this.decoder.json("metadata", entry.number);
    const { promise, drop } = this.scheduler.want(bytesPicture(entry.metadata), pieces, 0, urgent);
    const completed = promise.then(({ bytes: metadata, reason }) => {
      if (reason) throw new Error(reason);
      const header = this.decoder.json("header", ...this.decoder.given(metadata));
      const bytes = new HeaderBytes(header.pieces, metadata);
      const slide = hasJpeg(metadata) ? slideOf(bytes, true) : undefined;
      complete(entry, slide ? slideFacts(slide) : factsOf(entry, bytes, header));
      return slide ? { slide, check: this.checkOf(pieces) } : {};
    }).catch((error) => {
      if (error instanceof Cancelled) throw error;
      complete(entry, {}, error.message);
      return {};
    });
    return { promise: completed, drop };
  }

  /** The pieces of a slice of an entry. */
  slicePieces(entry, slice) {
    return this.decoder.json("pieces", entry.number, slice, entry.hasFrames ? entry.rows : 0);
  }

  /** The pieces of the picture at places of the axes. */
  pieces(entry, places) {
    const sliceOf = (channel) => entry.slideSize ? 0 : entry.axes.reduce(
      (slice, { length }, i) => slice * length + (i === entry.channelAxis ? channel : places[i]), 0,
    );
    return Array.from({ length: entry.picture.planes }, (_, plane) => (
      this.slicePieces(entry, sliceOf(plane)).map(([block, offset, row, ...others]) => (
        [block, offset, row + plane * entry.rows, ...others]
      ))
    )).flat();
  }

  /** The image of an entry at its initial places, and the damaged pieces. */
  thumbnail(entry, side) {
    const { picture } = entry;
    const { promise, drop } = this.scheduler.want(picture, this.pieces(entry, firstOf(entry)), side);
    const image = promise.then(({ image: made, bytes, faults, reason }) => {
      if (made) return { image: made };
      const values = valuesOf(picture.dtype, bytes);
      const factor = factorFor(picture, side);
      return { image: pixelsOf(picture, values, windowsOf(picture, values), factor), faults, reason, factor };
    });
    return { promise: image, drop };
  }

  /** The elements of an entry at places of its axes, a text about checks, and the damaged pieces. */
  load(entry, places) {
    const pieces = this.pieces(entry, places);
    const { promise, drop } = this.scheduler.want(entry.picture, pieces);
    const loaded = promise.then(({ bytes, faults, reason }) => {
      if (entry.isBytes && reason) throw new Error(reason);
      return { bytes, faults, reason, check: this.checkOf(pieces) };
    });
    return { promise: loaded, drop };
  }

  /** A text about the checks of the blocks of pieces. */
  checkOf(pieces) {
    const blocks = [...new Set(pieces.map(([block]) => block))];
    const models = blocks.map((block) => this.scheduler.models.get(block));
    const names = [...new Set(models.filter(Boolean).map(nameOfModel))].join(", ");
    const what = blocks.length === 1 ? "this block" : `these ${blocks.length} blocks`;
    if (!blocks.length) return "nothing to check: it has no elements";
    if (models.every(Boolean)) return `checked: SHA-256 of ${what} matches (model ${names})`;
    const some = names ? `, and SHA-256 of those by the model ${names}` : "";
    return `checked: CRC-32C of ${what} matches${some}`;
  }

  /** The elements of all slices. */
  async whole(entry, say) {
    const picture = { ...entry.picture, planes: 1 };
    const count = product(entry.axes.map((axis) => axis.length));
    const size = emptyOf(picture).length;
    const out = new Uint8Array(size * count);
    for (let slice = 0; slice < count; slice++) {
      say(`decoding slice ${slice + 1} of ${count} …`);
      const { bytes, reason } = await this.scheduler.want(picture, this.slicePieces(entry, slice)).promise;
      if (reason) throw new Error(reason);
      out.set(bytes, slice * size);
    }
    return out;
  }

  /** A PNG file of the exact pixels, if PNG can store them, and otherwise of the displayed ones. */
  png(picture, values, data, windows) {
    const { rows, columns, channels, dtype, composite, layers } = picture;
    const shape = channels > 1 ? [rows, columns, channels] : [rows, columns];
    const shown = () => new Uint8Array(pixelsOf(picture, values, windows).data.buffer);
    if (composite || layers[0].table) return this.decoder.file(true, "|u1", [rows, columns, 4], shown());
    if (dtype === "|u1" && channels <= 4) return this.decoder.file(true, dtype, shape, data);
    if (channels === 1 && dtype === "|b1") return this.decoder.file(true, dtype, shape, values);
    if (dtype === "<u2" && channels <= 4) return this.decoder.file(true, dtype, shape, data);
    if (channels === 1 && dtype === ">u2") {
      return this.decoder.file(true, "<u2", shape, new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    }
    return this.decoder.file(true, "|u1", [rows, columns, 4], shown());
  }

  close() {
    this.scheduler.close();
  }
}

/** Completes an entry: the axes of its slices, those from the header of its file, and its picture. */
function complete(entry, facts = {}, fault = "") {
  if (entry.picture) return entry;
  const { slices, shape, channels } = entry;
  const leading = shape.slice(0, shape.findIndex((_, i) => product(shape.slice(0, i)) === slices));
  const own = leading.map((length, i) => ({ name: leading.length > 1 ? `axis ${i}` : "slice", length }));
  entry.axes = (facts.axes || own).filter((axis) => axis.length > 1);
  entry.hasFrames = facts.rows < entry.rows;
  if (entry.hasFrames) entry.rows = facts.rows;
  const lengths = [...entry.axes.map((axis) => axis.length), entry.rows, entry.columns];
  entry.slideSize = facts.slideSize;
  if (facts.axes && !facts.slideSize) entry.shape = channels > 1 ? [...lengths, channels] : lengths;
  entry.channelAxis = entry.axes.findIndex(({ name, length }) => name === "c" && length <= COLOURS.length && channels === 1);
  entry.channelNames = facts.channels?.map((channel) => channel.name);
  entry.picture = pictureOf(entry, entry.axes[entry.channelAxis]?.length || 1, facts);
  entry.fault = fault;
  return entry;
}

/** A picture of one row from bytes. */
function bytesPicture(size) {
  return { dtype: "|u1", rows: 1, columns: size, channels: 1, planes: 1 };
}

/** The initial places: the middle of each axis, but the first frame of an animation, which is complete. */
function firstOf(entry) {
  return entry.axes.map(({ first, length }) => first ?? Math.floor(length / 2));
}

/** The sizes of an entry as text. */
function sizesOf(entry) {
  if (entry.isBytes) return count(entry.shape[0], "byte");
  const axes = entry.axes?.map(({ name, length }) => `${AXES[name] || name} ${length}`);
  const [columns, rows] = entry.slideSize || [entry.columns, entry.rows];
  return [`${columns} x ${rows}`, ...(axes || [])].join(", ");
}

function nameOfModel(identity) {
  return inside.models[identity]?.[0] || identity;
}

let archive = null;
let opening = 0;

function say(text, bad = false) {
  at.status.textContent = text;
  at.status.classList.toggle("bad", bad);
}

function showProgress() {
  const { total = 0, finished = 0 } = archive?.scheduler || {};
  const busy = total > finished;
  at.progress.hidden = at.cancel.hidden = !busy;
  at.progress.max = total || 1;
  at.progress.value = finished;
  at.progress.title = `${finished} of ${total} blocks decoded`;
}

function count(number, noun) {
  return `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
}

/** Fills a cell of the grid. */
function drawCell(cell, number) {
  const entry = archive.entry(number);
  const note = document.createElement("span");
  note.className = "note";
  const name = document.createElement("span");
  name.className = "name";
  const plain = document.createElement("bdi");
  plain.textContent = entry.name;
  name.append(plain);
  cell.append(note, name);
  const describe = (fault) => {
    cell.title = `${entry.name}, ${sizesOf(entry)}${fault ? `, damaged: ${fault}` : ""}`;
    cell.setAttribute("aria-label", cell.title);
  };
  describe();
  if (entry.isBytes) note.textContent = `file, ${sizesOf(entry)}`;
  let drop = () => {};
  const decoded = (wanted) => {
    drop = wanted.drop;
    return wanted.promise;
  };
  let dropped = false;
  (async () => {
    const preview = await previewOf(entry);
    if (dropped) return;
    if (preview) {
      note.replaceWith(canvasOf(preview));
      return;
    }
    let { slide } = await decoded(archive.describe(entry));
    describe();
    const { picture } = entry;
    if (entry.isBytes) {
      if (!isPicture(entry) || entry.shape[0] > THUMBNAIL_BYTES) return;
      const { bytes } = await decoded(archive.load(entry, []));
      slide = slideOf(HeaderBytes.whole(bytes), false);
      if (!slide) {
        note.replaceWith(canvasOf(await createImageBitmap(new Blob([bytes]))));
        return;
      }
    }
    if (slide) {
      const image = await slideThumbnail(slide, THUMBNAIL);
      if (image) note.replaceWith(canvasOf(image));
      else note.textContent = sizesOf(entry);
    } else if (picture.planes * picture.rows * picture.columns * picture.channels > THUMBNAIL_ELEMENTS) {
      note.textContent = sizesOf(entry);
    } else {
      const { image, faults = [], factor, reason } = await decoded(archive.thumbnail(entry, THUMBNAIL));
      const canvas = canvasOf(image);
      clearFaults(canvas, picture, faults, factor);
      note.replaceWith(canvas);
      if (reason || entry.fault) {
        describe(reason || entry.fault);
        cell.append(markOf("damaged"));
      }
    }
  })().catch((error) => {
    if (error instanceof Cancelled) note.textContent ||= "not decoded";
    else if (!(error instanceof DOMException)) {
      note.textContent = error.message;
      note.classList.add("bad");
      cell.append(markOf("damaged"));
      describe(error.message);
    }
  });
  return () => {
    dropped = true;
    drop();
  };
}

/** Adds a badge to a cell. */
function markOf(text) {
  const mark = document.createElement("span");
  mark.className = "mark";
  mark.textContent = text;
  return mark;
}

/** The preview of a file as a picture, or undefined; synchronous if the archive has no previews. */
function previewOf(entry) {
  if (entry.file === null || !archive.info.previews.length) return undefined;
  return archive.previews.find(entry.file).then((bytes) => bytes && createImageBitmap(new Blob([bytes]))).catch(() => null);
}

/** Draws a thumbnail on a canvas. */
function canvasOf(image) {
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d");
  const factor = image instanceof ImageData ? 1 : Math.max(1, Math.max(image.width, image.height) / THUMBNAIL);
  canvas.width = Math.max(1, Math.round(image.width / factor));
  canvas.height = Math.max(1, Math.round(image.height / factor));
  if (image instanceof ImageData) context.putImageData(image, 0, 0);
  else context.drawImage(image, 0, 0, canvas.width, canvas.height);
  canvas.classList.toggle("enlarged", Math.max(canvas.width, canvas.height) < SIDE);
  return canvas;
}

const view = new PictureView(at);
const grid = new Grid(at.scroll, at.grid, drawCell, (number) => {
  view.open(archive, grid.numbers, grid.numbers.indexOf(number));
});
view.closed = (position) => grid.moveTo(position);

/** Whether an entry has pixels that the page can show. */
function isPicture(entry) {
  return !entry.isBytes || PICTURES.test(entry.name);
}

/** The numbers of the entries that pass a test. */
function numbersWhere(test, most = archive.count) {
  return Array.from({ length: Math.min(archive.count, most) }, (_, number) => number).filter(test);
}

/** Shows the entries whose names contain a text; without one, pictures, and other files if these are wanted. */
function search() {
  if (!archive) return;
  const text = at.search.value.trim().toLowerCase();
  const has = (number) => archive.entry(number).name.toLowerCase().includes(text);
  const isOnlyPictures = !at.filter.hidden && !at.others.checked;
  const numbers = text ? numbersWhere(has, SEARCHED) : isOnlyPictures ? archive.pictures : numbersWhere(() => true);
  grid.set(numbers);
  const all = count(archive.count, "entry").replace("entrys", "entries");
  say(text ? `${numbers.length.toLocaleString("en")} of ${all} have “${at.search.value.trim()}” in their names`
    : `${archive.source.name}: ${all}, ${count(archive.info.blocks, "block")}`
      + (numbers.length < archive.count ? `; ${count(archive.count - numbers.length, "other file")} not shown` : "")
      + (archive.info.isContinued ? "; an unfinished addition is left out" : ""));
}

async function openSource(source) {
  const own = ++opening;
  archive?.close();
  archive = null;
  grid.set([]);
  at.search.value = "";
  at.search.disabled = at.filter.hidden = true;
  say(`opening ${source.name} …`);
  showProgress();
  try {
    const found = await OpenArchive.open(source, showProgress);
    if (own !== opening) {
      found.close();
      return;
    }
    archive = found;
    document.title = `${source.name} – bitsback viewer`;
    at.search.disabled = false;
    archive.pictures = archive.count > SORTED ? [] : numbersWhere((number) => isPicture(archive.entry(number)));
    at.filter.hidden = [0, archive.count].includes(archive.pictures.length);
    at.others.checked = false;
    search();
    if (archive.count === 1) view.open(archive, [0], 0);
  } catch (error) {
    if (own === opening) say(`${source.name}: ${error.message}`, true);
  }
}

function openAddress() {
  const address = location.hash.slice(1);
  if (!address) return;
  try {
    const source = new UrlSource(new URL(address, location.href).href);
    at.url.value = source.url;
    openSource(source);
  } catch {
    say(`${address} is no URL`, true);
  }
}

at.file.addEventListener("change", () => { if (at.file.files[0]) openSource(new FileSource(at.file.files[0])); });
at.address.addEventListener("submit", (event) => {
  event.preventDefault();
  if (at.url.value) location.hash = at.url.value;
});
at.search.addEventListener("input", search);
at.others.addEventListener("change", search);
at.cancel.addEventListener("click", () => archive?.scheduler.cancel());
addEventListener("hashchange", openAddress);
addEventListener("dragover", (event) => {
  event.preventDefault();
  at.scroll.classList.add("over");
});
addEventListener("dragleave", (event) => { if (!event.relatedTarget) at.scroll.classList.remove("over"); });
addEventListener("drop", (event) => {
  event.preventDefault();
  at.scroll.classList.remove("over");
  const file = event.dataTransfer.files[0];
  if (file) openSource(new FileSource(file));
});
if (typeof DecompressionStream === "undefined") say("This browser is too old: it needs DecompressionStream.", true);
ready.catch((error) => say(`This browser cannot run the decoder: ${error.message}`, true));
openAddress();
