// What the edge tells of other connectors that announce the same, in words for this one's operator.

import type { FromEdge } from '../../core/control.ts';
import type { Logger } from '../logger.ts';

export const SERVES_NOTHING =
  'no resource is reached by this connector: its file has none, or others hold their names (resource.contested)';

const DIFFERENCES = {
  masking_key:
    'another replica of the site masks by another key: values that `with: hash` masks are not equal between them. Without masking.key each connector has a key of its own: set the same one for all',
  resource:
    'another replica of the site announces it with other labels, login or database: sessions here go by what stands in this file',
} as const;

export function logOthers(
  log: Logger,
  message: Extract<FromEdge, { kind: 'resource.contested' | 'replicas.differ' }>,
): void {
  if (message.kind === 'replicas.differ') {
    const { what, resource, other } = message;
    log.error('replicas.differ', { what, resource, other, message: DIFFERENCES[what] });
    return;
  }
  const { resource, yours, other } = message;
  log.error('resource.contested', {
    resource,
    other,
    message: yours
      ? 'another connector announces it too, and was refused: it stays here'
      : 'another connector holds this name: clients of it are not served here until that one is away for ten minutes and this one links anew. Replicas of one site share their names',
  });
}
