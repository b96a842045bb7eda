// The detectors that a policy can name.

import type { Detector } from '../detector.ts';
import { creditCard } from './credit-card.ts';
import { email } from './email.ts';
import { iban } from './iban.ts';
import type { DetectorName } from './names.ts';
import { password } from './password.ts';
import { phone } from './phone.ts';
import { privateKey } from './private-key.ts';
import { awsKey, gcpKey, githubToken, jwt, slackToken } from './tokens.ts';
import { usSsn } from './us-ssn.ts';

export const DETECTORS: Readonly<Record<DetectorName, Detector>> = {
  'private-key': privateKey,
  jwt,
  'aws-key': awsKey,
  'gcp-key': gcpKey,
  'github-token': githubToken,
  'slack-token': slackToken,
  password,
  email,
  'credit-card': creditCard,
  iban,
  'us-ssn': usSsn,
  phone,
};
