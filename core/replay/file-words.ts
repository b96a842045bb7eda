// What was done to files, in words: the same on pages, on the command line and in exports.

import type { FileAccessed, FileTransferred, PartialReason } from '../recording/facts/file.ts';
import { showBytes } from '../text/amounts.ts';

type Accessed = Pick<FileAccessed, 'operation' | 'path' | 'to' | 'flags' | 'attributes'>;

export function accessWords({ operation, path, to = '', flags = [], attributes = {} }: Accessed): string {
  // Of a handle that named none.
  const file = path === '' ? 'a file that is not open' : path;
  switch (operation) {
    case 'open': {
      const ways = (['read', 'write', 'append'] as const).filter((way) => flags.includes(way));
      return `open ${file}${ways.length > 0 ? ` to ${ways.join(' and ')}` : ''}`;
    }
    case 'list':
    case 'remove':
      return `${operation} ${file}`;
    case 'rename':
    case 'copy':
      return `${operation} ${file} to ${to}`;
    case 'make_directory':
      return `make directory ${file}`;
    case 'remove_directory':
      return `remove directory ${file}`;
    case 'symlink':
      return `make ${file} a symbolic link to ${to}`;
    case 'link':
      return `make ${file} a link to ${to}`;
    case 'set_attributes':
      return `set ${attributeWords(attributes)} of ${file}`;
  }
}

/** What came of it, where it was not simply done. */
export const failureWords = ({ error, unanswered }: Pick<FileAccessed, 'error' | 'unanswered'>): string | undefined =>
  error?.message ?? (unanswered ? 'not answered' : undefined);

export const transferWords = (transfer: Pick<FileTransferred, 'direction' | 'path' | 'size' | 'partial'>): string =>
  `${transfer.direction} ${transfer.path}, ${showBytes(transfer.size)}${partialWords(transfer.partial)}`;

export const partialWords = (partial: readonly PartialReason[] = []): string =>
  partial.length === 0 ? '' : `, maybe not the whole file (${partial.map((reason) => PARTIAL[reason]).join(', ')})`;

const PARTIAL: Readonly<Record<PartialReason, string>> = {
  beginning_missing: 'not from its beginning',
  end_not_seen: 'its end was not seen',
  not_truncated: 'written into what was there',
  gaps: 'with gaps',
  overlaps: 'some of it twice',
  out_of_order: 'out of order',
  appended: 'appended',
  resized: 'resized',
  changed_otherwise: 'changed by other means meanwhile',
  copied: 'with content copied at the target',
  read_failed: 'reading failed',
  write_failed: 'writing failed',
  close_failed: 'closing failed',
  unanswered: 'not all of it acknowledged',
  not_closed: 'not closed',
};

function attributeWords({
  size,
  uid,
  gid,
  permissions,
  accessed,
  modified,
}: NonNullable<FileAccessed['attributes']>): string {
  const parts = [
    size !== undefined && `size ${size}`,
    uid !== undefined && `owner ${uid}:${gid}`,
    permissions !== undefined && `mode ${(permissions & 0o7777).toString(8).padStart(4, '0')}`,
    (accessed ?? modified) !== undefined && 'times',
  ].filter((part) => part !== false);
  return parts.length === 0 ? 'nothing' : parts.join(', ');
}
