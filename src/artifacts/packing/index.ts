/**
 * Packing: files of a finished build become an artifact whose digest depends on nothing but their paths, contents and
 * executable bits. The same files give the same digest on any machine, at any time.
 */
export { type PackRequest, packBundle, packerVersion, packZip } from './pack.ts'
export { type ImageRequest, packImage } from './pack-image.ts'
