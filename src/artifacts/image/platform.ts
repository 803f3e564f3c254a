/** Platforms as OCI names them: `linux/amd64`, `linux/arm/v7`. */
import type { ImagePlatform } from '../../ports/index.ts'

export function parsePlatform(text: string): ImagePlatform {
  const [os = 'linux', architecture = 'amd64', variant] = text.split('/')
  return { os, architecture, ...(variant && { variant }) }
}

export const formatPlatform = ({ os, architecture, variant }: ImagePlatform): string =>
  [os, architecture, ...(variant ? [variant] : [])].join('/')

const architectures: Readonly<Record<string, string>> = {
  x64: 'amd64',
  ia32: '386',
  ppc64: 'ppc64le',
  loong64: 'loong64',
}

/** Node's `linux/x64` is `linux/amd64` there. Images are Linux's wherever they are made. */
export function platformOfBuilder(platform: string): ImagePlatform {
  const [, architecture = 'x64'] = platform.split('/')
  return { os: 'linux', architecture: architectures[architecture] ?? architecture }
}

/** Whether an image made for `offered` is what `wanted` asks for. A variant counts where both name one. */
export const isPlatform = (offered: ImagePlatform, wanted: ImagePlatform): boolean =>
  offered.os === wanted.os &&
  offered.architecture === wanted.architecture &&
  (wanted.variant === undefined || variantOf(offered) === variantOf(wanted))

/** 64-bit ARM has had one variant so far, which most images do not name. */
const variantOf = ({ architecture, variant }: ImagePlatform): string | undefined =>
  architecture === 'arm64' && variant === 'v8' ? undefined : variant
