/* The grid of thumbnails. Only visible cells exist. */

const SIDE = 128; // size of a thumbnail in pixels
const CAPTION = 30;

class Grid {
  /** `draw(cell, number)` fills a cell and returns a function that cancels this. `open(number)` opens a picture. */
  constructor(scroll, list, draw, open) {
    Object.assign(this, { scroll, list, draw, open });
    this.numbers = [];
    this.cells = new Map(); // position -> { item, stop }
    this.focus = 0;
    scroll.addEventListener("scroll", () => this.show());
    new ResizeObserver(() => this.resize()).observe(scroll);
    list.addEventListener("click", (event) => {
      const item = event.target.closest("li");
      if (item) this.open(Number(item.dataset.number));
    });
    list.addEventListener("focusin", (event) => { this.focus = Number(event.target.closest("li").dataset.position); });
    list.addEventListener("keydown", (event) => this.key(event));
  }

  /** Shows these entries. */
  set(numbers) {
    this.numbers = numbers;
    this.focus = 0;
    this.scroll.scrollTop = 0;
    this.show(true);
  }

  clear() {
    for (const { item, stop } of this.cells.values()) {
      stop();
      item.remove();
    }
    this.cells.clear();
  }

  layout() {
    const width = this.list.clientWidth || this.scroll.clientWidth;
    this.columns = Math.max(2, Math.floor(width / (SIDE + 22)));
    this.width = width / this.columns;
    this.height = Math.min(this.width, SIDE + 12) + CAPTION;
    this.list.style.height = `${Math.ceil(this.numbers.length / this.columns) * this.height}px`;
  }

  /** Lays out the cells again, and keeps the focus. */
  resize() {
    const focused = this.list.contains(document.activeElement);
    this.show(true);
    if (focused) this.moveTo(this.focus);
  }

  show(anew = false) {
    if (anew) this.clear();
    this.layout();
    const { scrollTop, clientHeight } = this.scroll;
    const first = Math.max(0, Math.floor(scrollTop / this.height) - 1) * this.columns;
    const end = Math.min(this.numbers.length, (Math.ceil((scrollTop + clientHeight) / this.height) + 1) * this.columns);
    for (const [position, { item, stop }] of this.cells) {
      if (position >= first && position < end) continue;
      if (item.contains(document.activeElement)) continue;
      stop();
      item.remove();
      this.cells.delete(position);
    }
    for (let position = end - 1; position >= first; position--) {
      if (!this.cells.has(position)) this.make(position);
    }
  }

  make(position) {
    const number = this.numbers[position];
    const item = document.createElement("li");
    Object.assign(item.dataset, { number, position });
    item.setAttribute("aria-posinset", position + 1);
    item.setAttribute("aria-setsize", this.numbers.length);
    item.style.cssText = `left:${(position % this.columns) * this.width}px;`
      + `top:${Math.floor(position / this.columns) * this.height}px;width:${this.width}px;height:${this.height}px`;
    const cell = document.createElement("button");
    cell.type = "button";
    cell.className = "cell";
    cell.tabIndex = position === this.focus ? 0 : -1;
    item.append(cell);
    // Cells are in the order of positions, for screen readers.
    let behind = null;
    for (const [other, { item: one }] of this.cells) {
      if (other > position && (!behind || other < Number(behind.dataset.position))) behind = one;
    }
    this.list.insertBefore(item, behind);
    this.cells.set(position, { item, stop: this.draw(cell, number) });
  }

  key(event) {
    const page = this.columns * Math.max(1, Math.floor(this.scroll.clientHeight / this.height));
    const steps = {
      ArrowLeft: -1, ArrowRight: 1, ArrowUp: -this.columns, ArrowDown: this.columns, PageUp: -page, PageDown: page,
      Home: -Infinity, End: Infinity,
    };
    if (!(event.key in steps) || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    this.moveTo(Math.max(0, Math.min(this.numbers.length - 1, this.focus + steps[event.key])));
  }

  /** Moves the focus to a cell, and scrolls it into view. */
  moveTo(position) {
    const old = this.cells.get(this.focus)?.item.firstChild;
    if (old) old.tabIndex = -1;
    this.focus = position;
    const top = Math.floor(position / this.columns) * this.height;
    const { scrollTop, clientHeight } = this.scroll;
    if (top < scrollTop) this.scroll.scrollTop = top;
    if (top + this.height > scrollTop + clientHeight) this.scroll.scrollTop = top + this.height - clientHeight;
    this.show();
    const cell = this.cells.get(position)?.item.firstChild;
    if (cell) {
      cell.tabIndex = 0;
      cell.focus();
    }
  }
}
