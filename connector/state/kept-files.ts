// What protocols keep in the state directory: small private files, made once.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { err, ok } from '../../core/result.ts';
import type { KeptFiles } from '../protocol.ts';
import { writeAtomically } from './atomic-file.ts';

export function keptFiles(state: string): KeptFiles {
  return {
    keep(name, make) {
      const path = join(state, name);
      try {
        return ok(readFileSync(path, 'utf8'));
      } catch (error) {
        if (code(error) !== 'ENOENT') return err(`${path} cannot be read (${code(error)})`);
      }
      const text = make();
      try {
        writeAtomically(path, text);
      } catch (error) {
        return err(`${path} cannot be written (${code(error)})`);
      }
      return ok(text);
    },
  };
}

const code = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? 'unknown error';
