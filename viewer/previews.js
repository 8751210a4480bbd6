/* The previews of files, stored in sections of many. */

class Previews {
  /** `sections`: places and sizes of the sections. */
  constructor(sections, source, decoder) {
    Object.assign(this, { sections, source, decoder });
    this.loaded = new Map(); // number of a section -> a promise of its content
  }

  /** Reads a section, once. */
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

  /** The first file and the number of files of each section, by their first bytes. */
  heads() {
    const head = async ([start, size]) => {
      const bytes = await this.source.read(start, Math.min(size, 40));
      let at = 1; // behind the kind
      const varint = () => {
        let value = 0;
        for (let scale = 1; ; scale *= 128) {
          value += (bytes[at] & 127) * scale;
          if (!(bytes[at++] & 128)) return value;
        }
      };
      varint(); // skips the length
      return [varint(), varint()];
    };
    this.ranges ??= Promise.all(this.sections.map(head));
    return this.ranges;
  }

  /** The preview of a file, if it has one. */
  async find(file) {
    const has = ({ first, lengths }) => file >= first && file < first + lengths.length;
    // Sections are in the order of files and have equal numbers of them, unless files were added or
    // removed.
    const likely = Math.min(this.sections.length - 1, Math.floor(file / (await this.load(0)).lengths.length));
    let section = await this.load(likely);
    if (!has(section)) {
      const number = (await this.heads()).findIndex(([first, count]) => file >= first && file < first + count);
      if (number < 0) return null;
      section = await this.load(number);
    }
    const { bytes, first, lengths, starts } = section;
    const start = starts[file - first];
    return lengths[file - first] ? bytes.subarray(start, start + lengths[file - first]) : null;
  }
}
