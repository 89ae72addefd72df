// Initramfs: the first file system of an emulated machine, a cpio archive (newc) that Linux unpacks into memory.

const FILE = 0o100000;
const FOLDER = 0o040000;
const LINK = 0o120000;

export class Initramfs {
  /** @type {Buffer[]} */
  #parts = [];
  /** @type {Set<string>} */
  #folders = new Set();
  #inode = 1;

  /**
   * @param {string} path absolute
   * @param {Buffer | string} content
   * @param {number} mode
   */
  file(path, content, mode = 0o644) {
    this.#foldersOf(path);
    this.#add(path, FILE | mode, Buffer.from(content));
  }

  /**
   * @param {string} path absolute
   * @param {string} target
   */
  link(path, target) {
    this.#foldersOf(path);
    this.#add(path, LINK | 0o777, Buffer.from(target));
  }

  /** @param {string} path absolute */
  folder(path) {
    this.#foldersOf(`${path}/`);
  }

  /** The archive, complete. */
  bytes() {
    this.#add('TRAILER!!!', 0, Buffer.alloc(0));
    return Buffer.concat(this.#parts);
  }

  /** @param {string} path */
  #foldersOf(path) {
    for (let at = path.indexOf('/', 1); at > 0; at = path.indexOf('/', at + 1)) {
      const folder = path.slice(0, at);
      if (this.#folders.has(folder)) continue;
      this.#folders.add(folder);
      this.#add(folder, FOLDER | 0o755, Buffer.alloc(0));
    }
  }

  /**
   * @param {string} path
   * @param {number} mode
   * @param {Buffer} content
   */
  #add(path, mode, content) {
    const name = path.replace(/^\//, '');
    const nothing = 0;
    const fields = [this.#inode++, mode, nothing, nothing, 1, nothing, content.length, 0, 0, 0, 0, name.length + 1, 0];
    const head = `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}${name}\0`;
    this.#parts.push(padded(Buffer.from(head, 'latin1')), padded(content));
  }
}

/**
 * To whole words of 4 bytes.
 * @param {Buffer} bytes
 */
function padded(bytes) {
  return bytes.length % 4 === 0 ? bytes : Buffer.concat([bytes, Buffer.alloc(4 - (bytes.length % 4))]);
}
