import { describe, expect, it } from 'vitest';
import { SessionRules } from '../../../core/policy/session-rules.ts';
import { createRulesCompiler } from './rules.ts';

const environment = { keyedHash: (value: Uint8Array) => value, incidents: () => undefined };
const rules = (more: object = {}) => SessionRules.parse({ policyVersion: 1, rule: 'orders', ...more });

describe('rules in force', () => {
  it('without statements and masks ask for nothing to be read', () => {
    const compiled = createRulesCompiler().compile(rules(), environment);
    expect(compiled).toMatchObject({ policyVersion: 1, rule: 'orders', sections: { statements: undefined } });
    expect(compiled.masks.any).toBe(false);
    expect(compiled.files).toBe('content');
    expect(createRulesCompiler().compile(rules({ files: 'digests' }), environment).files).toBe('digests');
  });

  it('are compiled once for all sessions under the same ones, and anew for others; counts are each session’s own', () => {
    const compiler = createRulesCompiler();
    const one = compiler.compile(rules({ statements: [{ block: ['drop'] }] }), environment);
    const same = compiler.compile(rules({ statements: [{ block: ['drop'] }], policyVersion: 2 }), environment);
    const other = compiler.compile(rules({ statements: [{ block: ['drop', 'truncate'] }] }), environment);
    const lax = compiler.compile(rules({ statements: [{ block: ['drop'] }], unparsable: 'allow' }), environment);
    expect(same.sections.statements).toBe(one.sections.statements);
    expect(other.sections.statements).not.toBe(one.sections.statements);
    expect(lax.sections.statements).not.toBe(one.sections.statements);
    expect(same.masks).not.toBe(one.masks);
  });

  it('what a rule says of interactive shells is compiled with its commands', () => {
    const given = rules({ commands: [{ block: ['rm *'] }], interactiveShell: 'allow' });
    expect(createRulesCompiler().compile(given, environment).sections.commands).toMatchObject({
      unparsable: 'block',
      interactiveShell: 'allow',
    });
  });

  it('law 4: rules that no policy can hold do not compile', () => {
    const given = rules();
    const compiler = createRulesCompiler();
    expect(() => compiler.compile({ ...given, statements: [{ block: ['no such act'] }] }, environment)).toThrow(
      'no such act',
    );
    const mask = [{ detect: [{ name: 'mine', pattern: '(' }], with: 'null' as const }];
    expect(() => compiler.compile({ ...given, mask }, environment)).toThrow('mine');
  });
});
