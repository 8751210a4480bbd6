/* A picture at full size: its axes, channels, window and level, zoom, saving. */

const LARGEST = 16384; // longest side of a canvas in pixels
const PACE = 100; // least time per place of an axis in milliseconds

class PictureView {
  /** `archive`: the source of entries and pictures. */
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
    on("play", "click", () => this.play());
    on("level", "input", () => this.slide());
    on("width", "input", () => this.slide());
    on("window-auto", "click", () => this.setWindow(windowOf(this.entry.picture, this.values, this.windowed)));
    for (const kind of ["png", "npy", "raw"]) on(kind, "click", () => this.save(kind));
    on("picture", "keydown", (event) => this.key(event));
    on("stage", "wheel", (event) => this.wheel(event));
    on("stage", "pointerdown", (event) => this.drag(event));
    on("stage", "pointermove", (event) => this.point(event));
    on("stage", "scroll", () => { if (this.page) this.drawPage(); });
    addEventListener("resize", () => { if (this.page || this.scale === "fit") this.zoomTo(this.scale); });
  }

  /** Opens the entry at a position of the list. */
  async open(archive, numbers, position) {
    Object.assign(this, { archive, numbers, position });
    this.halt();
    const entry = archive.entry(numbers[position]);
    this.closePage();
    Object.assign(this, { entry, slide: null, values: null, data: null, scale: "fit", windows: null });
    const { at } = this;
    at.name.textContent = entry.name;
    at.axes.hidden = at.channels.hidden = at.window.hidden = true;
    at.canvas.hidden = at.values.hidden = true;
    at.raw.hidden = !entry.isBytes;
    at.png.hidden = at.npy.hidden = entry.isBytes;
    at.previous.disabled = position === 0;
    at.next.disabled = position === numbers.length - 1;
    if (!at.picture.open) at.picture.showModal();
    this.say("decoding …");
    const described = archive.describe(entry, true);
    this.stop = described.drop;
    const found = await described.promise.catch(() => null);
    if (!found || this.entry !== entry) return;
    Object.assign(this, found);
    this.places = firstOf(entry);
    this.makeSliders();
    this.makeChannels();
    await this.load();
  }

  /** Cancels decoding and playing. */
  halt() {
    this.stop?.();
    if (this.playing) this.play();
  }

  /** Adds a slider for each axis, except one of channels that are displayed together. */
  makeSliders() {
    const { at, entry } = this;
    at.axes.querySelectorAll("span").forEach((one) => one.remove());
    this.sliders = entry.axes.map(({ name, length }, axis) => {
      if (axis === entry.channelAxis) return null;
      const slider = make("input", { type: "range", min: 0, max: length - 1 });
      slider.addEventListener("input", () => this.moveAlong(axis, Number(slider.value)));
      slider.addEventListener("focus", () => { this.axis = axis; });
      const label = make("label", {}, make("b", { textContent: AXES[name] || name }), slider, make("output"));
      at.axes.insertBefore(make("span", {}, label), at.play);
      return slider;
    });
    this.axis = this.sliders.findLastIndex(Boolean);
    at.axes.hidden = this.axis < 0;
  }

  /** Adds a switch for each channel, with its colour. */
  makeChannels() {
    const { at, entry: { picture } } = this;
    at.channels.querySelectorAll("label").forEach((one) => one.remove());
    at.channels.hidden = !picture.composite;
    this.shown = picture.layers.map(() => true);
    this.windowed = windowedOf(picture)[0] || [];
    if (!picture.composite) return;
    picture.layers.forEach((layer, k) => {
      const box = make("input", { type: "checkbox", checked: true });
      box.addEventListener("change", () => {
        this.shown[k] = box.checked;
        if (box.checked) this.windowed = [layer];
        if (!this.values) return;
        this.measure();
        this.show();
      });
      const colour = make("i");
      colour.style.background = `rgb(${layer.colour.map((part) => 255 * part).join()})`;
      at.channels.append(make("label", {}, box, colour, layer.name));
    });
  }

  leave() {
    this.halt();
    this.closePage();
    this.entry = this.slide = null;
    this.closed?.(this.position);
  }

  say(text, bad = false) {
    this.at.check.textContent = text;
    this.at.check.classList.toggle("bad", bad);
  }

  /** Decodes and shows the picture at the places of the axes. */
  async load() {
    const { entry, at, places } = this;
    this.stop?.();
    this.closePage();
    this.sliders.forEach((slider, axis) => {
      if (!slider) return;
      const text = placeText(entry, axis, places[axis]);
      slider.value = places[axis];
      slider.setAttribute("aria-valuetext", text);
      slider.nextSibling.textContent = text;
    });
    const page = this.slide?.[places[0] ?? 0];
    at.png.hidden = at.npy.hidden = entry.isBytes || Boolean(page?.levels);
    if (page?.levels) {
      this.showPage(page);
      return;
    }
    const blocks = new Set(this.archive.pieces(entry, places).map(([block]) => block)).size;
    this.say(`decoding ${blocks === 1 ? "a block" : `${blocks} blocks`} of ${entry.name} …`);
    let found;
    const isOld = () => this.entry !== entry || this.places !== places;
    try {
      const wanted = this.archive.load(entry, places);
      this.stop = wanted.drop;
      found = await wanted.promise;
    } catch (error) {
      if (isOld() || error instanceof Cancelled) return;
      at.canvas.hidden = at.window.hidden = true;
      this.values = this.data = null;
      this.say(`damaged: ${error.message}`, true);
      this.showText(`damaged: ${error.message}`);
      return;
    }
    if (isOld()) return;
    this.stop = null;
    at.values.hidden = true;
    this.data = found.bytes;
    this.faults = found.faults;
    const fault = found.reason ? `damaged in part: ${found.reason}` : entry.fault && `its header is damaged: ${entry.fault}`;
    this.say(fault || found.check, Boolean(fault));
    if (entry.isBytes) {
      await this.showFile();
      return;
    }
    const { picture } = entry;
    this.values = valuesOf(entry.dtype, found.bytes);
    this.windows ||= windowsOf(picture, this.values);
    const isEight = entry.dtype === "|u1" || entry.dtype === "|b1";
    at.window.hidden = isEight && !picture.composite && !picture.layers[0].range;
    this.measure();
    this.show();
    this.zoomTo(this.scale);
    if (entry.shape.length < 2 || entry.columns === 1) this.showValues();
  }

  /** Sets the window of the layers that the controls adjust. */
  setWindow([low, high]) {
    if (!(high > low)) high = low + (Number.isInteger(low) ? 1 : 1e-6);
    for (const layer of this.windowed) this.windows[this.entry.picture.layers.indexOf(layer)] = [low, high];
    this.show();
  }

  /** The window that the controls show. */
  get range() {
    return this.windows[this.entry.picture.layers.indexOf(this.windowed[0])];
  }

  /** The windows of the visible layers. */
  get shownWindows() {
    return this.windows.map((range, k) => (this.shown[k] ? range : null));
  }

  /** Sets the limits of the controls from the values and the windows of their layers. */
  measure() {
    const { at } = this;
    const [least, most] = extremesOf(this.entry.picture, this.values, this.windowed);
    this.full = [Math.min(least, this.range[0]), Math.max(most, this.range[1])];
    const extent = this.full[1] - this.full[0];
    [at.level.min, at.level.max] = this.full;
    [at.width.min, at.width.max] = [extent / 1000, extent];
  }

  /** Draws the pixels with the current windows. */
  show() {
    const { entry: { name, picture }, at, windowed } = this;
    const [low, high] = this.range;
    at.level.value = (low + high) / 2;
    at.width.value = high - low;
    at["window-of"].textContent = picture.composite ? windowed[0].name : "";
    at["window-values"].textContent = `${shown(low)} to ${shown(high)}`;
    this.factor = factorFor(picture, LARGEST);
    const image = pixelsOf(picture, this.values, this.shownWindows, this.factor);
    at.canvas.width = image.width;
    at.canvas.height = image.height;
    at.canvas.getContext("2d", { willReadFrequently: true }).putImageData(image, 0, 0);
    clearFaults(at.canvas, picture, this.faults, this.factor);
    at.canvas.hidden = false;
    at.canvas.setAttribute("aria-label", `${name}, ${picture.columns} x ${picture.rows} pixels`);
  }

  /** Shows the values under the pointer. */
  point({ clientX, clientY }) {
    const { at, entry, values } = this;
    at["values-at"].textContent = "";
    if (!values || at.canvas.hidden) return;
    const { rows, columns, channels, planes } = entry.picture;
    const box = at.canvas.getBoundingClientRect();
    const x = Math.floor(((clientX - box.left) / box.width) * columns);
    const y = Math.floor(((clientY - box.top) / box.height) * rows);
    if (x < 0 || y < 0 || x >= columns || y >= rows) return;
    const found = Array.from({ length: planes }, (_, plane) => {
      const first = ((plane * rows + y) * columns + x) * channels;
      return Array.from(values.subarray(first, first + channels), shown);
    });
    at["values-at"].textContent = `x ${x}, y ${y}: ${found.flat().join(", ")}`;
  }

  slide() {
    const [level, width] = [Number(this.at.level.value), Number(this.at.width.value)];
    this.setWindow([level - width / 2, level + width / 2]);
  }

  /** Shows the first values of an array with one axis, or of a column, as text. */
  showValues() {
    const first = Array.from(this.values.subarray(0, 2000), shown).join(" ");
    this.showText(first + (this.values.length > 2000 ? " …" : ""));
  }

  showText(text) {
    this.at.values.hidden = false;
    this.at.values.textContent = text;
  }

  /** Shows a file stored as bytes: as a picture if the browser can decode it, and otherwise as text. */
  async showFile() {
    const { at, data, entry } = this;
    const slide = slideOf(HeaderBytes.whole(data), false);
    if (slide) {
      Object.assign(entry, slideFacts(slide));
      Object.assign(this, { slide, places: firstOf(entry), check: at.check.textContent });
      this.makeSliders();
      await this.load();
      return;
    }
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
      this.showText(new TextDecoder().decode(data.subarray(0, 10000)));
    }
  }

  /** Shows a page of a slide; the tiles in sight are decoded. */
  showPage(page) {
    const { at, entry } = this;
    Object.assign(this, { page, values: null });
    at.window.hidden = at.values.hidden = true;
    at.canvas.hidden = false;
    at.stage.classList.add("tiled");
    const { columns, rows } = page.levels[0];
    at.canvas.setAttribute("aria-label", `${entry.name}, ${page.name}, ${columns} x ${rows} pixels`);
    this.zoomTo(this.scale);
  }

  /** Draws the part of the page in sight. */
  drawPage() {
    const { page, zoom, at: { canvas, stage } } = this;
    const { columns, rows } = page.levels[0];
    canvas.style.width = canvas.style.height = 0; // so that it takes no scroll bars
    const [width, height] = [stage.clientWidth, stage.clientHeight];
    [canvas.width, canvas.height] = [width * devicePixelRatio, height * devicePixelRatio];
    [canvas.style.width, canvas.style.height] = [`${width}px`, `${height}px`];
    const cornerOf = (size, whole, scrolled) => (
      Math.floor(devicePixelRatio * (Math.max(0, (size - whole * zoom) / 2) - scrolled))
    );
    const [left, top] = [cornerOf(width, columns, stage.scrollLeft), cornerOf(height, rows, stage.scrollTop)];
    const drawn = drawLevels(canvas, page.levels, left, top, zoom * devicePixelRatio, (fault) => {
      if (this.page !== page) return;
      this.fault ||= fault;
      this.drawSoon();
    });
    const hint = drawn === undefined && "too many tiles are in sight: zoom in";
    this.say(this.fault ? `damaged: ${this.fault}` : hint || this.check, Boolean(this.fault));
  }

  /** Draws once for all tiles that are decoded before the next frame. */
  drawSoon() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      if (this.page) this.drawPage();
    });
  }

  closePage() {
    this.page?.levels.forEach((level) => level.forget());
    this.page = this.fault = null;
    this.at.stage.classList.remove("tiled");
  }

  zoomTo(scale) {
    const { canvas, extent, stage, zoom } = this.at;
    if (canvas.hidden) return;
    this.scale = scale;
    const { columns: width, rows: height } = this.page?.levels[0]
      || { columns: canvas.width * this.factor, rows: canvas.height * this.factor };
    const fit = Math.min(stage.clientWidth / width, stage.clientHeight / height);
    // Small pictures are enlarged by whole factors.
    this.zoom = scale === "fit" ? (fit >= 2 ? Math.min(16, Math.floor(fit)) : Math.min(1, fit)) : scale;
    const sized = this.page ? extent : canvas;
    sized.style.width = `${width * this.zoom}px`;
    sized.style.height = `${height * this.zoom}px`;
    canvas.classList.toggle("enlarged", this.zoom >= 1);
    if (this.page) this.drawPage();
    zoom.textContent = `${this.zoom < 0.1 ? (100 * this.zoom).toFixed(1) : Math.round(100 * this.zoom)} %`;
  }

  /** Zooms around a point of the stage, by default its middle. */
  zoomBy(factor, x, y) {
    const { stage } = this.at;
    if (this.at.canvas.hidden) return;
    x ??= stage.clientWidth / 2;
    y ??= stage.clientHeight / 2;
    const before = this.zoom;
    const [left, top] = [stage.scrollLeft + x, stage.scrollTop + y];
    this.zoomTo(Math.max(1 / 1024, Math.min(64, before * factor)));
    stage.scrollLeft = (left * this.zoom) / before - x;
    stage.scrollTop = (top * this.zoom) / before - y;
  }

  move(step) {
    const position = this.position + step;
    if (position >= 0 && position < this.numbers.length) this.open(this.archive, this.numbers, position);
  }

  /** Shows a place of an axis. */
  moveAlong(axis, place) {
    this.axis = axis;
    this.places = this.places.map((old, i) => (i === axis ? place : old));
    return this.load();
  }

  /** Moves along the last used axis. */
  step(count) {
    if (this.axis < 0) return;
    const place = Math.max(0, Math.min(this.entry.axes[this.axis].length - 1, this.places[this.axis] + count));
    if (place !== this.places[this.axis]) this.moveAlong(this.axis, place);
  }

  /** Starts or stops playing along an axis. */
  async play() {
    const own = this.playing || this.axis < 0 ? null : {};
    this.playing = own;
    this.at.play.setAttribute("aria-pressed", Boolean(own));
    while (own && this.playing === own) {
      const place = (this.places[this.axis] + 1) % this.entry.axes[this.axis].length;
      await Promise.all([this.moveAlong(this.axis, place), new Promise((resolve) => setTimeout(resolve, PACE))]);
    }
  }

  key(event) {
    if (event.target.matches("input[type=range]") && event.key.startsWith("Arrow")) return;
    if (event.key === " " && event.target.matches("button, input") || event.ctrlKey || event.altKey || event.metaKey) return;
    const actions = {
      ArrowLeft: () => this.move(-1), ArrowRight: () => this.move(1),
      ArrowUp: () => this.step(-1), ArrowDown: () => this.step(1),
      PageUp: () => this.step(-10), PageDown: () => this.step(10), " ": () => this.play(),
      "+": () => this.zoomBy(1.5), "=": () => this.zoomBy(1.5), "-": () => this.zoomBy(1 / 1.5),
      0: () => this.zoomTo("fit"), 1: () => this.zoomTo(1),
    };
    if (!actions[event.key]) return;
    event.preventDefault();
    actions[event.key]();
  }

  wheel(event) {
    event.preventDefault();
    if (this.axis >= 0 && !event.ctrlKey) {
      this.step(Math.sign(event.deltaY));
      return;
    }
    const box = this.at.stage.getBoundingClientRect();
    this.zoomBy(event.deltaY < 0 ? 1.2 : 1 / 1.2, event.clientX - box.left, event.clientY - box.top);
  }

  /** Drags window and level if there are more than 256 levels; otherwise, or with Shift, drags the picture. */
  drag(event) {
    const { stage, window: controls } = this.at;
    if (event.button !== 0 || this.at.canvas.hidden) return;
    const start = { x: event.clientX, y: event.clientY, left: stage.scrollLeft, top: stage.scrollTop };
    const levels = !controls.hidden && !event.shiftKey;
    const range = levels && this.range;
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
        saveAs(archive.png(entry.picture, this.values, data, this.shownWindows), `${base.replace(/\.\w+$/, "")}${this.suffix()}.png`);
      } else {
        const whole = entry.axes.length && !this.slide ? await archive.whole(entry, (text) => this.say(text)) : data;
        saveAs(archive.decoder.file(false, entry.dtype, entry.shape, whole), `${base}.npy`);
      }
      this.say(`saved; ${archive.checkOf(archive.pieces(entry, this.places))}`);
    } catch (error) {
      this.say(error.message, true);
    }
  }

  /** The places of the axes, for the name of a file. */
  suffix() {
    return this.places.filter((_, axis) => this.sliders[axis]).map((place) => `.${place}`).join("");
  }
}

/** A place on an axis as text. */
function placeText({ axes, channelNames }, axis, place) {
  const { name, names, length, step, unit } = axes[axis];
  const own = name === "c" ? channelNames?.[place] : names?.[place] || (step && `${shown(place * step)} ${unit}`);
  return `${place + 1} of ${length}${own ? `, ${own}` : ""}`;
}

/** Makes an element with these properties and children. */
function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
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
