/** Artifacts in a bucket of S3: `s3://bucket/prefix`. */
export { createS3Store, type S3StoreOptions } from './s3-store.ts'
