/** Hotfix of 2026-02-03: points that differ from the sum of a guest's entries are set to it. Harmless where none do. */
import { run } from './run.ts'

await run(async (hasura) => {
  const rows = await hasura.sql(
    'default',
    `UPDATE customer SET points = counted.points
     FROM (SELECT customer_id, sum(points)::integer AS points FROM entry GROUP BY customer_id) AS counted
     WHERE customer.id = counted.customer_id AND customer.points <> counted.points RETURNING customer.id`,
  )
  console.log(`${Math.max(0, rows.length - 1)} recounted`)
})
