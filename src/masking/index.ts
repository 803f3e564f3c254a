/** Keeps secrets, and terminal tricks, out of everything people read (invariant 13). Pure. */
export * from './masker.ts'
export * from './sanitize-terminal.ts'
export { minSecretLength, secretForms } from './secret-forms.ts'
