/** SSH keys and signatures: made by `ssh-keygen`, checked in process. What they count for is said in `src/ledger/`. */
export * from './own-key.ts'
export * from './public-key.ts'
export * from './ssh-signature.ts'
export { Malformed } from './wire.ts'
