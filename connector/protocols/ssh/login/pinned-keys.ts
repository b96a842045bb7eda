// The keys that a target may show, from the connector's own file. A key that is not named there is refused, whatever else
// it may prove: nothing is trusted on first use.

import { fingerprint } from '../wire/host-key.ts';

const FINGERPRINT = /^SHA256:[A-Za-z0-9+/]{43}$/;
const KEY = /^(?<type>ssh-ed25519|ecdsa-sha2-nistp(?:256|384|521)|ssh-rsa) (?<key>[A-Za-z0-9+/]+={0,2})(?: .*)?$/;

/** `ssh-ed25519 AAAA...`, as in known_hosts behind the host, or `SHA256:...`. */
export const isHostKey = (text: string): boolean => FINGERPRINT.test(text) || KEY.test(text);

export class PinnedKeys {
  readonly #fingerprints: readonly string[];
  /** Algorithms that such keys sign by, where they say so. */
  readonly algorithms: readonly string[];

  constructor(written: readonly string[]) {
    const keys = written.map((text) => KEY.exec(text)?.groups);
    this.#fingerprints = written.map((text, index) => {
      const key = keys[index]?.key;
      return key === undefined ? text : fingerprint(Buffer.from(key, 'base64'));
    });
    this.algorithms = keys.flatMap((key) =>
      key?.type === undefined ? [] : key.type === 'ssh-rsa' ? ['rsa-sha2-512', 'rsa-sha2-256'] : [key.type],
    );
  }

  has(key: Uint8Array): boolean {
    return this.#fingerprints.includes(fingerprint(key));
  }

  /** For the operator. `seen`: as it is on the wire. */
  mismatch(seen: Uint8Array): string {
    const type = Buffer.from(seen).toString('latin1', 4, 4 + Math.min(60, Buffer.from(seen).readUInt32BE(0)));
    const expected = this.#fingerprints.join(' or ');
    return `it showed the host key ${fingerprint(seen)} (${type}), and hostKeys names ${expected}`;
  }
}
