/** Pictures of rewards, from `images.json`. There is no page for administrators; this is run as often as one likes. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from './run.ts'

await run(async (hasura) => {
  const images = await readFile(join(import.meta.dirname, 'images.json'), 'utf8')
  if (images.includes('$images$')) throw new Error('no image is called $images$')
  const rows = await hasura.sql(
    'default',
    `UPDATE reward SET image_url = image.value FROM json_each_text($images$${images}$images$) AS image
     WHERE reward.title = image.key AND reward.image_url IS DISTINCT FROM image.value RETURNING reward.title`,
  )
  for (const [title] of rows.slice(1)) console.log(`new picture: ${title}`)
  console.log(`${Math.max(0, rows.length - 1)} changed`)
})
