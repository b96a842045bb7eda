// What the holder of a key signs to have it registered: that it signs this person in, at this Gatehouse. Public keys are
// public: without it anybody could register another's, and be taken for who signs in with it.

/** Of signatures for this, and nothing else (`ssh-keygen -Y sign -n`). */
export const REGISTRATION_NAMESPACE = 'gatehouse-key';

/** `origin`: `https://gatehouse.example.com`. */
export const registrationText = (email: string, origin: string): string => `This key signs in ${email} at ${origin}\n`;
