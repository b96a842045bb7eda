/** In order of precedence: at one place the first that finds something has it. */
export const DETECTOR_NAMES = [
  'private-key',
  'jwt',
  'aws-key',
  'gcp-key',
  'github-token',
  'slack-token',
  'password',
  'email',
  'credit-card',
  'iban',
  'us-ssn',
  'phone',
] as const;
export type DetectorName = (typeof DETECTOR_NAMES)[number];
