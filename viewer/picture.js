/* A picture at full size: zoom, window and level, slices, saving. */

const LARGEST = 16384; // pixels of a side of a canvas

class PictureView {
  /** `archive` gives entries and pictures. */
  constructor(elements) {
    this.at = elements;
    this.entry = null;
    const on = (name, event, action) => this.at[name].addEventListener(event, action);
    on("previous", "click", () => this.move(-1));
    on("next", "click", () => this.move(1));
    on("larger", "click", () => this.zoomBy(1.5));
    on("smaller", "click", () => this.zoomBy(1 / 1.5));
    on("fit", "click", () => this.zoomTo("fit"));
    on("actual", "click", () => this.zoomTo(1));
    on("close", "click", () => this.at.picture.close());
    on("picture", "close", () => this.leave());
    on("slice", "input", () => this.load(Number(this.at.slice.value)));
    on("level", "input", () => this.slide());
    on("width", "input", () => this.slide());
    on("window-auto", "click", () => this.setWindow(windowOf(this.entry, this.values)));
    for (const kind of ["png", "npy", "raw"]) on(kind, "click", () => this.save(kind));
    on("picture", "keydown", (event) => this.key(event));
    on("stage", "wheel", (event) => this.wheel(event));
    on("stage", "pointerdown", (event) => this.drag(event));
    addEventListener("resize", () => { if (this.scale === "fit") this.zoomTo("fit"); });
  }

  /** Opens the entry at a position of the list. */
  async open(archive, numbers, position) {
    Object.assign(this, { archive, numbers, position });
    this.stop?.();
    this.entry = await archive.entry(numbers[position]);
    this.values = this.data = null;
    this.scale = "fit";
    const { entry, at } = this;
    at.name.textContent = entry.name;
    at.slices.hidden = entry.slices < 2;
    at.slice.max = entry.slices - 1;
    at.window.hidden = true;
    at.canvas.hidden = at.values.hidden = true;
    at.raw.hidden = !entry.isBytes;
    at.png.hidden = at.npy.hidden = entry.isBytes;
    at.previous.disabled = position === 0;
    at.next.disabled = position === numbers.length - 1;
    if (!at.picture.open) at.picture.showModal();
    this.range = null;
    await this.load(entry.slices < 2 ? 0 : Math.floor(entry.slices / 2));
  }

  leave() {
    this.stop?.();
    this.entry = null;
    this.closed?.(this.position);
  }

  say(text, bad = false) {
    this.at.check.textContent = text;
    this.at.check.classList.toggle("bad", bad);
  }

  /** Decodes a slice and shows it. */
  async load(slice) {
    const { entry, at } = this;
    this.stop?.();
    this.slice = slice;
    at.slice.value = slice;
    at["slice-number"].textContent = `${slice + 1} of ${entry.slices}`;
    at.slice.setAttribute("aria-valuetext", at["slice-number"].textContent);
    this.say("decoding …");
    let found;
    const wanted = this.archive.picture(entry, slice);
    this.stop = wanted.drop;
    try {
      found = await wanted.promise;
    } catch (error) {
      if (this.entry !== entry || this.slice !== slice || error instanceof Cancelled) return;
      at.canvas.hidden = true;
      this.say(`damaged: ${error.message}`, true);
      return;
    }
    if (this.entry !== entry || this.slice !== slice) return;
    this.stop = null;
    this.data = found.bytes;
    this.say(found.check);
    if (entry.isBytes) {
      await this.showFile();
      return;
    }
    this.values = valuesOf(entry.dtype, found.bytes);
    this.full = windowOf(entry, this.values);
    const eight = entry.dtype === "|u1" || entry.dtype === "|b1";
    at.window.hidden = eight;
    this.setWindow(this.range || this.full);
    this.zoomTo(this.scale);
    if (entry.shape.length < 2 || entry.columns === 1) this.showValues();
  }

  /** Draws the pixels with a window of values. */
  setWindow([low, high]) {
    const { entry, at } = this;
    if (!(high > low)) high = low + (Number.isInteger(low) ? 1 : 1e-6);
    this.range = [low, high];
    const [least, most] = this.full;
    at.level.min = least;
    at.level.max = most;
    at.width.min = (most - least) / 1000;
    at.width.max = most - least;
    at.level.value = (low + high) / 2;
    at.width.value = high - low;
    at["window-values"].textContent = `${shown(low)} to ${shown(high)}`;
    this.factor = factorFor(entry, LARGEST);
    const image = pixelsOf(entry, this.values, this.range, this.factor);
    at.canvas.width = image.width;
    at.canvas.height = image.height;
    at.canvas.getContext("2d", { willReadFrequently: true }).putImageData(image, 0, 0);
    at.canvas.hidden = false;
    at.canvas.setAttribute("aria-label", `${entry.name}, ${entry.columns} x ${entry.rows} pixels`);
  }

  slide() {
    const [level, width] = [Number(this.at.level.value), Number(this.at.width.value)];
    this.setWindow([level - width / 2, level + width / 2]);
  }

  /** An array with one axis, or a column: its first values as text. */
  showValues() {
    this.at.values.hidden = false;
    const first = Array.from(this.values.subarray(0, 2000), shown).join(" ");
    this.at.values.textContent = first + (this.values.length > 2000 ? " …" : "");
  }

  /** A file that the archive holds as it is: a picture if the browser knows it, and otherwise its text. */
  async showFile() {
    const { at, data, entry } = this;
    try {
      const image = await createImageBitmap(new Blob([data]));
      if (this.entry !== entry) return;
      at.canvas.width = image.width;
      at.canvas.height = image.height;
      at.canvas.getContext("2d").drawImage(image, 0, 0);
      at.canvas.hidden = false;
      at.canvas.setAttribute("aria-label", entry.name);
      this.factor = 1;
      this.zoomTo("fit");
    } catch {
      at.values.hidden = false;
      at.values.textContent = new TextDecoder().decode(data.subarray(0, 10000));
    }
  }

  zoomTo(scale) {
    const { canvas, stage, zoom } = this.at;
    if (canvas.hidden) return;
    this.scale = scale;
    const [width, height] = [canvas.width * this.factor, canvas.height * this.factor];
    const fit = Math.min(stage.clientWidth / width, stage.clientHeight / height);
    // Small pictures are enlarged by whole numbers.
    this.zoom = scale === "fit" ? (fit >= 2 ? Math.min(16, Math.floor(fit)) : Math.min(1, fit)) : scale;
    canvas.style.width = `${width * this.zoom}px`;
    canvas.style.height = `${height * this.zoom}px`;
    canvas.classList.toggle("enlarged", this.zoom >= 1);
    zoom.textContent = `${this.zoom < 0.1 ? (100 * this.zoom).toFixed(1) : Math.round(100 * this.zoom)} %`;
  }

  /** Zooms about a point of the stage, by default its middle. */
  zoomBy(factor, x, y) {
    const { stage } = this.at;
    if (this.at.canvas.hidden) return;
    x ??= stage.clientWidth / 2;
    y ??= stage.clientHeight / 2;
    const before = this.zoom;
    const [left, top] = [stage.scrollLeft + x, stage.scrollTop + y];
    this.zoomTo(Math.max(1 / 64, Math.min(64, before * factor)));
    stage.scrollLeft = (left * this.zoom) / before - x;
    stage.scrollTop = (top * this.zoom) / before - y;
  }

  move(step) {
    const position = this.position + step;
    if (position >= 0 && position < this.numbers.length) this.open(this.archive, this.numbers, position);
  }

  moveSlice(step) {
    const slice = Math.max(0, Math.min(this.entry.slices - 1, this.slice + step));
    if (slice !== this.slice) this.load(slice);
  }

  key(event) {
    if (event.target.matches("input") || event.ctrlKey || event.altKey || event.metaKey) return;
    const actions = {
      ArrowLeft: () => this.move(-1), ArrowRight: () => this.move(1),
      ArrowUp: () => this.moveSlice(-1), ArrowDown: () => this.moveSlice(1),
      PageUp: () => this.moveSlice(-10), PageDown: () => this.moveSlice(10),
      "+": () => this.zoomBy(1.5), "=": () => this.zoomBy(1.5), "-": () => this.zoomBy(1 / 1.5),
      0: () => this.zoomTo("fit"), 1: () => this.zoomTo(1),
    };
    if (!actions[event.key]) return;
    event.preventDefault();
    actions[event.key]();
  }

  wheel(event) {
    event.preventDefault();
    if (this.entry.slices > 1 && !event.ctrlKey) {
      this.moveSlice(Math.sign(event.deltaY));
      return;
    }
    const box = this.at.stage.getBoundingClientRect();
    this.zoomBy(event.deltaY < 0 ? 1.2 : 1 / 1.2, event.clientX - box.left, event.clientY - box.top);
  }

  /** Drags window and level where there are more than 256 of them, and otherwise the picture; with Shift the latter. */
  drag(event) {
    const { stage, window: controls } = this.at;
    if (event.button !== 0 || this.at.canvas.hidden) return;
    const start = { x: event.clientX, y: event.clientY, left: stage.scrollLeft, top: stage.scrollTop };
    const levels = !controls.hidden && !event.shiftKey;
    const range = this.range;
    stage.setPointerCapture(event.pointerId);
    stage.classList.add("dragged");
    const move = ({ clientX, clientY }) => {
      const [x, y] = [clientX - start.x, clientY - start.y];
      if (!levels) {
        stage.scrollLeft = start.left - x;
        stage.scrollTop = start.top - y;
        return;
      }
      const [least, most] = this.full;
      const width = (range[1] - range[0]) * 2 ** (x / 150);
      const level = (range[0] + range[1]) / 2 + (y / 400) * (most - least);
      this.setWindow([level - width / 2, level + width / 2]);
    };
    const end = () => {
      stage.classList.remove("dragged");
      stage.removeEventListener("pointermove", move);
    };
    stage.addEventListener("pointermove", move);
    stage.addEventListener("pointerup", end, { once: true });
    stage.addEventListener("pointercancel", end, { once: true });
  }

  async save(kind) {
    const { entry, archive, data } = this;
    if (!data) return;
    const base = entry.name.split("/").pop().replace(/[^\w.()[\] -]/g, "_") || "array";
    try {
      if (kind === "raw") {
        saveAs(data, base);
      } else if (kind === "png") {
        saveAs(archive.png(entry, this.values, data, this.range), `${base.replace(/\.\w+$/, "")}${this.suffix()}.png`);
      } else {
        const whole = entry.slices < 2 ? data : await archive.whole(entry, (text) => this.say(text));
        saveAs(archive.decoder.file(false, entry.dtype, entry.shape, whole), `${base}.npy`);
      }
      this.say(`saved; ${archive.checkOf(entry, this.slice)}`);
    } catch (error) {
      this.say(error.message, true);
    }
  }

  suffix() {
    return this.entry.slices < 2 ? "" : `.${this.slice}`;
  }
}

function shown(value) {
  return Number.isInteger(value) ? String(value) : value.toPrecision(5);
}

function saveAs(bytes, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([bytes], { type: "application/octet-stream" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}
