// Sections and masks of a rule that no session under it would ever ask, and what is wrong with one as a whole.

import { PROTOCOLS, ProtocolName, type SectionName } from '../../protocols.ts';
import type { ResourceSelector, Rule } from '../document.ts';
import { READ_SECTIONS, SECTION_NAMES } from '../sections/sections.ts';
import type { Misnamed } from './names.ts';

export function sectionMistakes(rule: Rule): Misnamed[] {
  if (rule.access === 'deny') return [];
  const protocols = protocolsOf(rule.resources);
  const sections = new Set(protocols.flatMap((protocol) => PROTOCOLS[protocol].sections));
  // None that there is: that is said of its name.
  const unasked = SECTION_NAMES.filter((section) => rule[section] && protocols.length > 0 && !sections.has(section));
  const unparsable = unparsableMistake(rule, sections);
  return [
    ...unasked.map((section) => ({ path: [section], message: saysNothing(section, protocols, sections) })),
    ...unmaskable(rule, protocols),
    ...(unparsable === undefined ? [] : [{ path: ['unparsable'], message: unparsable }]),
  ];
}

function unmaskable({ mask = [] }: Rule, protocols: readonly ProtocolName[]): Misnamed[] {
  const parts = new Set(protocols.flatMap((protocol) => PROTOCOLS[protocol].masks));
  return mask.flatMap((entry, index) =>
    (['columns', 'fields'] as const)
      .filter((part) => entry[part] && protocols.length > 0 && !parts.has(part))
      .map((part) => ({ path: ['mask', index, part], message: saysNothing(part, protocols, parts) })),
  );
}

/** Those that the rule's resources could be of. */
function protocolsOf({ protocol = '*' }: ResourceSelector): ProtocolName[] {
  const named = [protocol].flat();
  return ProtocolName.options.filter((one) => named.includes('*') || named.includes(one));
}

function saysNothing(what: string, protocols: readonly ProtocolName[], has: ReadonlySet<string>): string {
  const titles = listed(protocols.map((protocol) => PROTOCOLS[protocol].title));
  const only = protocols.length === ProtocolName.options.length ? ', and this release carries no other protocol' : '';
  return `says nothing: sessions of ${titles} have ${listed([...has, `no ${what}`])}${only}`;
}

const listed = (names: readonly string[]): string =>
  [names.slice(0, -1).join(', '), ...names.slice(-1)].filter((part) => part !== '').join(' and ');

function unparsableMistake(rule: Rule, has: ReadonlySet<SectionName>): string | undefined {
  if (rule.unparsable === undefined) return undefined;
  const written = READ_SECTIONS.filter((section) => rule[section]);
  const could = READ_SECTIONS.filter((section) => has.has(section));
  const lacking = (written.length > 0 ? written : could).filter((section) => !rule[section]?.some(({ hold }) => hold));
  if (rule.unparsable === 'hold' && lacking.length > 0)
    return `hold needs an entry with hold in ${lacking.join(written.length > 0 ? ' and in ' : ' or in ')}, whose approval it takes`;
  return written.length > 0
    ? undefined
    : `says nothing without ${(could.length > 0 ? could : READ_SECTIONS).join(' or ')}`;
}
