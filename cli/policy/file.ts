// A policy in a file, read as the edge will read it.

import { readFile } from 'node:fs/promises';
import type { PolicyDocument } from '../../core/policy/document.ts';
import { describeMistake, parsePolicy, type PolicyMistake } from '../../core/policy/parse.ts';
import { Failure, usage } from '../failure.ts';
import { codeOf } from '../files/file-error.ts';

export interface PolicyFile {
  readonly path: string;
  readonly text: string;
  readonly policy: PolicyDocument;
}

/** `flag` is named in what went wrong. Every mistake is told, a line each. */
export async function readPolicyFile(path: string, flag = '--file'): Promise<PolicyFile> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw usage(
      `${flag} ${path}: ${codeOf(error) === 'ENOENT' ? 'there is no such file' : `cannot be read (${codeOf(error)})`}`,
    );
  });
  const parsed = parsePolicy(text);
  if (!parsed.ok) throw mistaken(`${flag} ${path}`, parsed.error);
  return { path, text, policy: parsed.value };
}

function mistaken(where: string, mistakes: readonly PolicyMistake[]): Failure {
  const told = mistakes.map((mistake) => `${where}: ${describeMistake(mistake).replace(/\s*\n\s*/g, ' ')}`);
  return new Failure(2, 'policy_mistakes', told.join('\n'), { mistakes });
}
