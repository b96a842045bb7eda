// How cdk-nag names values in what it finds, which an acknowledgement has to repeat.

import { Token } from 'aws-cdk-lib';

/** A stack's account or region: itself where it is known, else CloudFormation's own name for it. */
export const namedInRules = (value: string, pseudo: 'AccountId' | 'Region'): string =>
  Token.isUnresolved(value) ? `<AWS::${pseudo}>` : value;
