import fc from 'fast-check'
import type { Content } from './build-directory.ts'

/** Names no file system of ours refuses; some long, some far from ASCII, some awkward. */
const name = fc.oneof(
  fc.stringMatching(/^[a-z][a-z0-9._-]{0,12}$/),
  fc.constantFrom('.hidden', 'sp ace', 'new\nline', 'back\\slash', '-dash', '[id]', '{a,b}', 'ключ', '😀', 'q"uote'),
  fc.stringMatching(/^[a-z]{90,120}$/),
)

const content: fc.Arbitrary<Content> = fc.oneof(
  fc.uint8Array({ maxLength: 1500 }),
  fc.uint8Array({ maxLength: 100 }).map((executable) => ({ executable })),
)

/** Paths are folders of a kind of their own (`d`), so that no path is both a file and a folder. */
const path = fc
  .tuple(fc.array(name, { maxLength: 3 }), name)
  .map(([folders, file]) => [...folders.map((folder) => `${folder}.d`), `${file}.f`].join('/'))

/** Files, executables, and links to some of them. At least one. */
export const fileTrees: fc.Arbitrary<Record<string, Content>> = fc
  .tuple(fc.dictionary(path, content, { minKeys: 1, maxKeys: 8 }), fc.nat(3))
  .map(([files, linkCount]) => {
    const targets = Object.keys(files).slice(0, linkCount)
    return { ...files, ...Object.fromEntries(targets.map((target, index) => [`link-${index}`, { link: target }])) }
  })
