/** Secrets that stand in the file, where their name belongs. */

/** Forms that nothing but a secret has. */
const secretPatterns: readonly RegExp[] = [
  /-----BEGIN [A-Z ]*PRIVATE KEY-----/,
  /https:\/\/hooks\.slack\.com\/(?:services|workflows)\/[A-Za-z0-9/_-]+/,
  /\bxox[abeoprs]-[A-Za-z0-9-]{10,}/,
  /\bgh[opsur]_[A-Za-z0-9]{20,}/,
  /\bgithub_pat_[A-Za-z0-9_]{20,}/,
  /\bglpat-[A-Za-z0-9_-]{20,}/,
  /\bAKIA[0-9A-Z]{16}\b/,
  /\bsk_live_[A-Za-z0-9]{16,}/,
]

export const isSecret = (text: string): boolean => secretPatterns.some((pattern) => pattern.test(text))

/** The text with everything that looks like a secret blotted out, in as many characters. */
export const withoutSecrets = (text: string): string =>
  secretPatterns.reduce((masked, pattern) => masked.replace(new RegExp(pattern, 'g'), blot), text)

export const blotCharacter = '•'
export const blot = (secret: string): string => blotCharacter.repeat(secret.length)
