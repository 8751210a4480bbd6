/* The source of an archive, read range by range: a dropped file, or a URL. */

class FileSource {
  constructor(file) {
    this.file = file;
    this.name = file.name;
  }

  async size() {
    return this.file.size;
  }

  async read(start, size) {
    return new Uint8Array(await this.file.slice(start, start + size).arrayBuffer());
  }

  /** The data that recreates this source in a worker. */
  plain() {
    return { file: this.file };
  }
}

class UrlSource {
  constructor(url) {
    this.url = url;
    this.name = decodeURIComponent(new URL(url).pathname.split("/").pop()) || url;
  }

  async size() {
    const response = await this.fetch({ method: "HEAD" });
    const size = response.headers.get("Content-Length");
    if (size === null) {
      throw new Error(
        "the server does not say how long the archive is, perhaps since it compresses what it sends; save the archive, and drop it here",
      );
    }
    return Number(size);
  }

  async read(start, size) {
    const response = await this.fetch({ headers: { Range: `bytes=${start}-${start + size - 1}` } });
    if (response.status !== 206) {
      throw new Error("the server does not serve ranges of files; save the archive, and drop it here");
    }
    const bytes = new Uint8Array(await response.arrayBuffer());
    if (bytes.length !== size) throw new Error("the server sent a wrong range");
    return bytes;
  }

  async fetch(options) {
    let response;
    try {
      response = await fetch(this.url, options);
    } catch (error) {
      throw new Error(`${this.url} cannot be read; its server must be up and allow this page (CORS): ${error.message}`);
    }
    if (!response.ok) throw new Error(`${this.url}: the server says ${response.status} ${response.statusText}`);
    return response;
  }

  plain() {
    return { url: this.url };
  }
}

function sourceOf(plain) {
  return plain.file ? new FileSource(plain.file) : new UrlSource(plain.url);
}
