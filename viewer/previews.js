/* The previews of files, which stand in sections of many; each section is read once. */

class Previews {
  /** `sections` are their places and sizes, in the order of files. */
  constructor(sections, source, decoder) {
    Object.assign(this, { sections, source, decoder });
    this.loaded = new Map(); // number of a section -> a promise
  }

  load(number) {
    if (!this.loaded.has(number)) {
      const read = async () => {
        const bytes = await this.source.read(...this.sections[number]);
        const [first, lengths] = this.decoder.json("previews", ...this.decoder.given(bytes));
        let place = bytes.length - 4 - lengths.reduce((sum, length) => sum + length, 0);
        const starts = lengths.map((length) => (place += length) - length);
        return { bytes, first, lengths, starts };
      };
      this.loaded.set(number, read());
    }
    return this.loaded.get(number);
  }

  /** The preview of a file, if it has one. All sections have as many, but for the last ones of additions. */
  async find(file) {
    let [low, high] = [0, this.sections.length - 1];
    let guess = Math.min(high, Math.floor(file / (await this.load(0)).lengths.length));
    while (low <= high) {
      const { bytes, first, lengths, starts } = await this.load(guess);
      if (file < first) high = guess - 1;
      else if (file >= first + lengths.length) low = guess + 1;
      else {
        const at = file - first;
        return lengths[at] ? bytes.subarray(starts[at], starts[at] + lengths[at]) : null;
      }
      guess = low + Math.floor((high - low) / 2);
    }
    return null;
  }
}
