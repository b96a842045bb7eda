// Settings that every kind of identity provider has.

import { z } from 'zod';
import { SCIM_PROVIDER } from '../../core/people/scim-groups.ts';

export const providerName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,63}$/, 'expected lower-case letters, digits and dashes')
  // Groups begin with it, and would pass for names of other things in a policy.
  .refine((name) => !['user', 'workload', SCIM_PROVIDER].includes(name), 'is a word of the policy: choose another');

/** Text, as bindings carry it. */
export const trueOrFalse = z
  .union([z.boolean(), z.enum(['true', 'false'])])
  .transform((value) => value === true || value === 'true');

/** `example.com, example.org`: nobody else signs in. Empty: whoever the provider lets in. */
export const emailDomains = z
  .string()
  .default('')
  .transform((text): readonly string[] =>
    text
      .toLowerCase()
      .split(/[\s,]+/)
      .filter((domain) => domain !== ''),
  )
  .refine((domains) => domains.every((domain) => /^[a-z0-9.-]+\.[a-z0-9-]+$/.test(domain)), {
    error: 'expected domains such as example.com, a comma between',
  });
