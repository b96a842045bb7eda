// The version of the recording format (docs/recording-format.md, section 6): what is written, and what is read.

import { z } from 'zod';

export const FormatVersion = z.literal([1, 2]);
export type FormatVersion = z.infer<typeof FormatVersion>;

/** What this release writes. */
export const FORMAT_VERSION = 2 satisfies FormatVersion;
