import { describe, expect, it } from 'vitest';
import type { CatalogueWord } from '../../core/catalogue.ts';
import { compareCatalogue } from './compare-catalogue.ts';

const ended = '2026-11-30T08:00:00.000Z';
const compared = (word: Partial<CatalogueWord>, failedCommands: number | undefined, proven = true) =>
  compareCatalogue(
    { listed: true, state: 'sealed', contradicted: [], ...word },
    { purged: false, ended, proven, now: Date.parse(ended) + 60_000, failedCommands },
  );

describe('the failed commands of a row, which no manifest tells', () => {
  it('are those of the recording', () => {
    expect(compared({ failedCommands: 2 }, 2)).toMatchObject({ faults: [], proofs: [expect.any(String)] });
  });

  it('are a fault where the recording has others', () => {
    expect(compared({ failedCommands: 0 }, 2).faults).toEqual([
      {
        object: 'catalogue',
        reason: 'catalogue_differs',
        message: 'its row has 0 failed commands, and the recording 2',
      },
    ]);
  });

  it('are not compared where either does not tell, or the recording is not proven', () => {
    expect(compared({}, 2).faults).toEqual([]);
    expect(compared({ failedCommands: 1 }, undefined).faults).toEqual([]);
    expect(compared({ failedCommands: 1 }, 2, false).faults).toEqual([]);
  });
});
