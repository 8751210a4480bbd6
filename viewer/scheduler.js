/* Schedules the decoding of blocks by workers. */

class Cancelled extends Error {}

class Scheduler {
  /** `setup`: data for each worker. `place`: finds the place of a block. `findModel`: finds a missing model. */
  constructor(module, setup, place, findModel, changed) {
    Object.assign(this, { module, setup, place, findModel, changed });
    this.wants = new Map(); // id -> a requested picture
    this.queue = new Map(); // number of a block -> ids
    this.workers = [];
    this.strips = []; // unassigned strips of blocks in progress
    this.owners = new Map(); // number of a block -> the worker that decoded it
    this.models = new Map(); // number of a block -> the identity of its model
    this.next = 0;
    this.total = this.finished = 0;
    this.most = Math.max(1, Math.min(navigator.hardwareConcurrency || 2, 6));
  }

  /**
   * A thumbnail of this size, or, without one, the bytes of the picture: { promise, drop }, with the promise of
   * { image } or { bytes }, and { faults, reason }: the pieces that are damaged, and why. It fails if all are.
   */
  want(picture, pieces, thumbnail, urgent = !thumbnail) {
    const id = this.next++;
    const blocks = new Map();
    for (const piece of pieces) blocks.set(piece[0], [...(blocks.get(piece[0]) || []), piece]);
    const want = { id, picture, blocks, left: new Set(blocks.keys()), thumbnail, urgent, faults: [] };
    want.whole = thumbnail && blocks.size === 1;
    if (!want.whole) want.bytes = emptyOf(picture);
    const promise = new Promise((resolve, reject) => Object.assign(want, { resolve, reject }));
    this.wants.set(id, want);
    if (!blocks.size) this.finish(want);
    for (const number of blocks.keys()) {
      if (!this.queue.has(number)) {
        this.queue.set(number, new Set());
        this.total++;
      }
      this.queue.get(number).add(id);
    }
    this.pump();
    return { promise, drop: () => this.drop(want) };
  }

  drop(want) {
    if (!this.wants.delete(want.id)) return;
    for (const number of want.left) {
      const ids = this.queue.get(number);
      if (ids && ids.delete(want.id) && !ids.size) {
        this.queue.delete(number);
        this.total--;
      }
    }
    want.reject(new Cancelled("cancelled"));
    this.changed();
  }

  /** Drops all requests, including those in progress. */
  cancel() {
    for (const worker of this.workers.filter((one) => one.job || one.strip)) {
      worker.terminate();
      this.workers.splice(this.workers.indexOf(worker), 1);
      for (const [number, owner] of this.owners) if (owner === worker) this.owners.delete(number);
    }
    for (const want of [...this.wants.values()]) this.drop(want);
    this.queue.clear();
    this.strips = [];
    this.total = this.finished = 0;
    this.changed();
  }

  close() {
    this.cancel();
    for (const worker of this.workers) worker.terminate();
    this.workers = [];
  }

  worker() {
    const idle = this.workers.find((one) => !one.job && !one.strip);
    if (idle || this.workers.length >= this.most) return idle;
    const worker = startWorker();
    worker.onmessage = ({ data }) => this.receive(worker, data);
    worker.onerror = (event) => {
      if (worker.strip) this.receive(worker, { strip: null });
      if (worker.job) this.receive(worker, { done: worker.job.number, error: event.message });
    };
    worker.postMessage({ setup: this.setup, module: this.module });
    this.workers.push(worker);
    return worker;
  }

  /** The next block to decode: of an open picture, or else of the latest requested thumbnail. */
  choose() {
    let best, bestRank = -1;
    for (const [number, ids] of this.queue) {
      const owner = this.owners.get(number);
      if (owner && (owner.job || owner.strip)) continue;
      for (const id of ids) {
        const rank = id + (this.wants.get(id).urgent ? 1e12 : 0);
        if (rank > bestRank) [best, bestRank] = [number, rank];
      }
    }
    return best;
  }

  /** Assigns strips to workers. The worker of their block waits, and decodes some itself. */
  pumpStrips() {
    while (this.strips.length) {
      const { block, number } = this.strips[0];
      const worker = block.owner.strip ? this.worker() : block.owner;
      if (!worker) break;
      worker.strip = this.strips.shift();
      worker.postMessage({ strip: { number, section: block.section, start: block.start } });
    }
  }

  takeStrip(worker, decoded) {
    const { block, number } = worker.strip;
    worker.strip = null;
    block.decoded[number] = decoded;
    if (--block.left || block.owner.job !== block.job) return;
    // A failed strip, and those behind it, are decoded again within the block.
    const failed = block.decoded.indexOf(null);
    const strips = failed < 0 ? block.decoded : block.decoded.slice(0, failed);
    block.owner.postMessage({ strips }, strips.map((strip) => strip.buffer));
  }

  pump() {
    this.pumpStrips();
    for (;;) {
      const number = this.choose();
      if (number === undefined) break;
      const owner = this.owners.get(number);
      const worker = owner && this.workers.includes(owner) ? owner : this.worker();
      if (!worker) break;
      const ids = this.queue.get(number);
      this.queue.delete(number);
      worker.job = { number, ids };
      this.owners.set(number, worker);
      const wants = [...ids].map((id) => {
        const { picture, blocks, thumbnail, whole } = this.wants.get(id);
        return { id, picture, pieces: blocks.get(number), thumbnail: whole && thumbnail };
      });
      worker.postMessage({ block: { number, place: this.place(number) }, wants });
    }
    this.changed();
  }

  receive(worker, data) {
    if (data.strips) {
      const { strips: left, section, start } = data;
      const block = { owner: worker, job: worker.job, section, start, left, decoded: [] };
      for (let number = 0; number < left; number++) this.strips.push({ block, number });
      this.pump();
      return;
    }
    if (data.strip !== undefined) {
      this.takeStrip(worker, data.strip);
      this.pump();
      return;
    }
    if (data.done === undefined) {
      const want = this.wants.get(data.id);
      if (!want) return;
      if (data.image) {
        want.image = data.image;
        return;
      }
      for (const { piece, data: bytes } of data.parts) placePiece(want.picture, want.bytes, piece, bytes);
      return;
    }
    const { number, ids } = worker.job;
    if (data.missing) {
      this.supply(worker, data);
      return;
    }
    this.strips = this.strips.filter(({ block }) => block.job !== worker.job);
    worker.job = null;
    this.finished++;
    if (data.error) this.owners.delete(number);
    else this.models.set(number, data.model);
    for (const id of ids) {
      const want = this.wants.get(id);
      if (!want) continue;
      if (data.error) {
        want.faults.push(...want.blocks.get(number));
        want.reason ||= data.error;
      }
      want.left.delete(number);
      if (!want.left.size) this.finish(want);
    }
    this.pump();
    if (!this.wants.size) this.total = this.finished = 0;
    this.changed();
  }

  finish(want) {
    const { id, blocks, bytes, image, faults, reason } = want;
    this.wants.delete(id);
    const isLost = faults.length && faults.length === [...blocks.values()].flat().length;
    if (isLost) want.reject(new Error(reason));
    else want.resolve({ bytes, image, faults, reason });
  }

  /** Sends a worker its missing model, and its job again. */
  async supply(worker, { error: identity }) {
    const { number, ids } = worker.job;
    let model;
    try {
      model = await this.findModel(identity);
    } catch (error) {
      if (worker.job) this.receive(worker, { done: number, error: error.message });
      return;
    }
    this.setup.given.push(model);
    worker.postMessage({ model });
    worker.job = null;
    const kept = [...ids].filter((id) => this.wants.has(id));
    if (kept.length) this.queue.set(number, new Set([...kept, ...(this.queue.get(number) || [])]));
    this.pump();
  }
}
