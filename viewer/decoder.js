"use strict";
/* The decoder: an instance of the WebAssembly module, whose interface decoder/wasm/src/lib.rs describes. */

/** The instance has failed, and cannot be used any more. */
class Broken extends Error {}
class NeedsBytes extends Error {}
class NeedsModel extends Error {}

class Decoder {
  static async of(module) {
    const instance = await WebAssembly.instantiate(module, {});
    return new Decoder(instance.exports);
  }

  constructor(exports) {
    this.exports = exports;
  }

  /** Writes bytes to memory for a function. Returns their place and size. */
  given(bytes) {
    const place = this.exports.allocate(bytes.length);
    new Uint8Array(this.exports.memory.buffer, place, bytes.length).set(bytes);
    return [place, bytes.length];
  }

  /** A copy of the result of the last function. */
  left() {
    const { memory, result, result_size: size } = this.exports;
    return new Uint8Array(memory.buffer, result(), size()).slice();
  }

  text() {
    return new TextDecoder().decode(this.left());
  }

  /** Calls a function. Throws its error, or what it needs. */
  call(name, ...args) {
    let status;
    try {
      status = this.exports[name](...args);
    } catch (trap) {
      let text = "";
      try { text = this.text(); } catch { /* its memory is not available */ }
      throw new Broken(`the decoder failed: ${text || trap.message}`);
    }
    if (status === 1) throw new Error(this.text());
    if (status === 2) throw new NeedsBytes(this.text());
    if (status === 3) throw new NeedsModel(this.text());
  }

  json(name, ...args) {
    this.call(name, ...args);
    return JSON.parse(this.text());
  }

  bytes(name, ...args) {
    this.call(name, ...args);
    return this.left();
  }

  /** The file of an array: PNG or npy. */
  file(png, dtype, shape, data) {
    const head = new DataView(new ArrayBuffer(4 + 8 * shape.length));
    [...dtype].forEach((letter, i) => head.setUint8(i, letter.charCodeAt(0)));
    head.setUint8(3, shape.length);
    shape.forEach((extent, i) => head.setBigUint64(4 + 8 * i, BigInt(extent), true));
    const bytes = new Uint8Array(head.byteLength + data.length);
    bytes.set(new Uint8Array(head.buffer));
    bytes.set(data, head.byteLength);
    return this.bytes("file", ...this.given(bytes), png);
  }
}
