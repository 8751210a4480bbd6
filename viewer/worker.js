/* Decodes blocks, and cuts thumbnails or pieces of pictures from them. */

const CACHED = 96e6; // bytes of decoded blocks in the cache of a worker

let module, setup, source, decoder, takeStrips;
const blocks = new Map(); // number -> { content, model }, the last used one at the end

async function makeDecoder() {
  decoder = await Decoder.of(module);
  decoder.call("collection", ...decoder.given(setup.collection));
  for (const model of setup.models) decoder.call("model", ...decoder.given(model), true);
  for (const model of setup.given) decoder.call("model", ...decoder.given(model), false);
  decoder.exports.table(...decoder.given(setup.table));
}

/** Passes the strips of a block to the decoder, after all workers decoded them. */
async function haveStrips(section, start) {
  const count = decoder.json("strips", ...decoder.given(section), start);
  if (count < 2) return;
  postMessage({ strips: count, section, start });
  const strips = await new Promise((resolve) => (takeStrips = resolve));
  for (const strip of strips) decoder.exports.give_strip(...decoder.given(strip));
}

async function decodeStrip({ number, section, start }) {
  try {
    if (!decoder) await makeDecoder();
    const strip = decoder.bytes("strip", ...decoder.given(section), start, number);
    postMessage({ strip }, [strip.buffer]);
  } catch (error) {
    if (error instanceof Broken) decoder = null;
    postMessage({ strip: null });
  }
}

async function blockOf({ number, place: [start, size, first, tiles] }) {
  let block = blocks.get(number);
  blocks.delete(number);
  if (!block) {
    const section = await source.read(start, size);
    let bytes;
    try {
      await haveStrips(section, start);
      bytes = decoder.bytes("decode", ...decoder.given(section), start, first, tiles);
    } catch (error) {
      if (error instanceof Broken) decoder = null;
      throw error;
    }
    // The memory of an instance never shrinks.
    if (decoder.exports.memory.buffer.byteLength > 512e6) decoder = null;
    const model = new TextDecoder().decode(bytes.subarray(-32)).trim();
    block = { content: bytes.subarray(0, -32), model };
  }
  blocks.set(number, block);
  let total = 0;
  for (const { content } of blocks.values()) total += content.length;
  for (const [old, { content }] of blocks) {
    if (total <= CACHED || old === number) break;
    blocks.delete(old);
    total -= content.length;
  }
  return block;
}

function dataOf(picture, content, piece) {
  const [, offset, , rows, , columns, , channels] = piece;
  const size = rows * columns * channels * sizeOf(picture.dtype);
  if (offset + size > content.length) throw new Error("a block is shorter than its tiles");
  return content.subarray(offset, offset + size);
}

/** The requested part of a block: a thumbnail of a picture inside of it, or its pieces of a picture. */
function answer({ id, picture, pieces, thumbnail }, content) {
  if (!thumbnail) {
    const parts = pieces.map((piece) => ({ piece, data: dataOf(picture, content, piece).slice() }));
    postMessage({ id, parts }, parts.map((part) => part.data.buffer));
    return;
  }
  const bytes = emptyOf(picture);
  for (const piece of pieces) placePiece(picture, bytes, piece, dataOf(picture, content, piece));
  const values = valuesOf(picture.dtype, bytes);
  const image = pixelsOf(picture, values, windowsOf(picture, values), factorFor(picture, thumbnail));
  postMessage({ id, image });
}

onmessage = async ({ data }) => {
  if (data.setup) {
    ({ setup, module } = data);
    source = sourceOf(setup.source);
    return;
  }
  if (data.model) {
    setup.given.push(data.model);
    if (decoder) decoder.call("model", ...decoder.given(data.model), false);
    return;
  }
  if (data.strip) {
    await decodeStrip(data.strip);
    return;
  }
  if (data.strips) {
    if (!decoder) await makeDecoder();
    takeStrips(data.strips);
    return;
  }
  try {
    if (!decoder) await makeDecoder();
    const { content, model } = await blockOf(data.block);
    for (const want of data.wants) answer(want, content);
    postMessage({ done: data.block.number, model });
  } catch (error) {
    postMessage({ done: data.block.number, error: error.message, missing: error instanceof NeedsModel });
  }
};
