// The settings of a stage stand in one file, and nowhere else: a deployment that forgets one would take away what it stood for.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { readStackSettings, SETTING_NAMES, type Settings } from '../settings.ts';

const FOLDER = join(import.meta.dirname, '../stages');

/** Throws with what is wrong, the file and the way out. */
export function readStage(stage: string, folder = FOLDER): Settings {
  const file = join(folder, `${stage}.yaml`);
  let text: string;
  try {
    if (!/^[a-z0-9-]+$/.test(stage)) throw new Error('no name');
    text = readFileSync(file, 'utf8');
  } catch {
    const there = readdirSync(folder).flatMap((name) => /^([a-z0-9-]+)\.yaml$/.exec(name)?.[1] ?? []);
    throw new Error(
      `there is no stage ${stage}: copy infra/stages/example.yaml to infra/stages/${stage}.yaml (there: ${there.join(', ')})`,
    );
  }
  const inFile = (error: unknown) =>
    new Error(`infra/stages/${stage}.yaml: ${error instanceof Error ? error.message : 'wrong'}`);
  try {
    const given: unknown = parse(text);
    if (typeof given !== 'object' || given === null) throw new Error('expected settings');
    const unknown = Object.keys(given).filter((name) => !SETTING_NAMES.includes(name));
    if (unknown.length > 0) throw new Error(`${unknown.join(', ')}: there is no such setting`);
    return readStackSettings((name) => (given as Record<string, unknown>)[name]);
  } catch (error) {
    throw inFile(error);
  }
}
