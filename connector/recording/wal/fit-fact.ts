// A fact is one frame, and a frame's body is bounded. Protocols cut their texts; a statement can
// still carry 65,535 parameters. What does not fit is left out of the fact, never of the bytes.

import { MAX_FACT_TEXT } from '../../../core/recording/facts/bytes-at.ts';
import type { Fact } from '../../../core/recording/facts/fact.ts';
import { MAX_FRAME_BODY_BYTES } from '../../../core/recording/frame.ts';
import { cutText } from '../../../core/text/cut-text.ts';

/** UTF-8 takes at most three bytes for each of JavaScript's characters. */
const SAFE_CHARACTERS = Math.floor(MAX_FRAME_BODY_BYTES / 3);

export function fitFact(fact: Fact): string {
  const text = JSON.stringify(fact);
  if (text.length <= SAFE_CHARACTERS) return text;
  return JSON.stringify(shorten(fact));
}

function shorten(fact: Fact): Fact {
  if (fact.kind === 'statement.started' && fact.parameters) {
    const kept: typeof fact.parameters = [];
    let room = SAFE_CHARACTERS / 2;
    for (const parameter of fact.parameters) {
      room -= JSON.stringify(parameter).length;
      if (room < 0) break;
      kept.push(parameter);
    }
    return { ...fact, text: fact.text.slice(0, MAX_FACT_TEXT), parameters: kept };
  }
  if (fact.kind === 'statement.finished') return { ...fact, tags: fact.tags.slice(0, 1000) };
  if ('message' in fact && fact.message !== undefined)
    return { ...fact, message: fact.message.slice(0, MAX_FACT_TEXT) };
  if (fact.kind === 'notification.received') return { ...fact, payload: fact.payload.slice(0, MAX_FACT_TEXT) };
  if (fact.kind === 'command.started') {
    const commandBytes = fact.commandBytes ?? Buffer.byteLength(fact.command);
    return { ...fact, command: cutText(fact.command, MAX_FACT_TEXT), commandBytes };
  }
  if (fact.kind === 'exchange.started') {
    const urlBytes = fact.urlBytes ?? Buffer.byteLength(fact.url);
    return { ...fact, url: cutText(fact.url, MAX_FACT_TEXT), urlBytes };
  }
  if (fact.kind === 'session.opened') return { ...fact, details: {}, identity: { ...fact.identity, groups: [] } };
  return fact;
}
