import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { newId } from '../../core/ids.ts';
import type { VerifyReport } from '../../core/recording/verify.ts';
import { Output } from '../output.ts';
import { showReport } from './verify.ts';

const output = new Output(
  { stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough(), env: {} },
  false,
);
const report: VerifyReport = { session: newId('ses'), proven: true, proofs: [], notCompared: [], faults: [] };

describe('a report of a verification', () => {
  it('calls an exempted session proven as exempt, and others proven', () => {
    expect(showReport(report, output)).toMatch(/proven$/);
    expect(showReport({ ...report, exempt: 'a payroll run' }, output)).toMatch(/proven: exempt$/);
    expect(showReport({ ...report, exempt: 'a payroll run', proven: false }, output)).toMatch(/NOT PROVEN$/);
  });
});
