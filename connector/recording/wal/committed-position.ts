// How far the log is written: set by the log's thread after each commit, read by the archiver's.

/** Numbers start at 1, so 0 is "nothing yet". Shared memory: [file, offset]. */
export class CommittedPosition {
  readonly buffer: SharedArrayBuffer;
  readonly #cells: Int32Array;

  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(8)) {
    this.buffer = buffer;
    this.#cells = new Int32Array(buffer);
  }

  publish(file: number, offset: number): void {
    if (Atomics.load(this.#cells, 0) !== file) {
      // In this order a reader sees at worst the old file with offset 0, which is no progress.
      Atomics.store(this.#cells, 1, 0);
      Atomics.store(this.#cells, 0, file);
    }
    Atomics.store(this.#cells, 1, offset);
  }

  read(): { file: number; offset: number } {
    for (;;) {
      const file = Atomics.load(this.#cells, 0);
      const offset = Atomics.load(this.#cells, 1);
      if (Atomics.load(this.#cells, 0) === file) return { file, offset };
    }
  }
}
