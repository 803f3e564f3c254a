export type Shown = { host: string; release: string; visits: number | null }

/** The front page. */
export const page = ({ host, release, visits }: Shown): string => `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Hello from the fleet</title>
<h1>Hello from the fleet</h1>
<p>${escaped(host)} answers, with release ${escaped(release)}.</p>
<p>${visits === null ? 'Nobody is counting right now.' : `You are visitor ${visits}.`}</p>
</html>
`

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

export const escaped = (text: string): string => text.replace(/[&<>"']/g, (sign) => entities[sign] ?? sign)
