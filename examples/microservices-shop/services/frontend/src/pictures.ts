/** Pictures of products, drawn as SVG on a square of 200. Everything stands on the line at 168. */
import { type Html, html } from './html.ts'

const shadow = (width: number): Html =>
  html`<ellipse cx="100" cy="168" rx="${width}" ry="7" fill="#22302b" opacity=".13" />`

const pictures: Readonly<Record<string, Html>> = {
  'moka-pot': html`${shadow(58)}
    <path d="M70 112h60l12 56H58z" fill="#8d9794" /><path d="M70 112h28l-4 56H58z" fill="#b9c0bd" /><path d="M118 112h12l12 56h-16z" fill="#75807c" />
    <path d="M66 103h68v11H66z" fill="#5d6864" rx="3" />
    <path d="M58 52h74l-8 51H72z" fill="#9aa4a0" /><path d="M58 52h38l-2 51H72z" fill="#c6ccc9" /><path d="M116 52h16l-8 51h-10z" fill="#7d8784" />
    <path d="M58 52 46 66l16 9z" fill="#b9c0bd" />
    <path d="M58 52h74L112 38H80z" fill="#a9b2af" /><circle cx="96" cy="32" r="7" fill="#22302b" />
    <path d="M131 60h22q6 0 5 7l-6 44" fill="none" stroke="#22302b" stroke-width="9" stroke-linecap="round" stroke-linejoin="round" />
    <circle cx="82" cy="142" r="4" fill="#e3a945" />`,

  'enamel-mug': html`${shadow(54)}
    <path d="M132 90h14q18 0 18 20t-18 24q-8 2-16 2" fill="none" stroke="#4f7358" stroke-width="10" stroke-linecap="round" />
    <path d="M52 72h84l-3 84q-1 12-13 12H68q-12 0-13-12z" fill="#4f7358" /><path d="M52 72h26l3 96H68q-12 0-13-12z" fill="#638a6d" />
    <ellipse cx="94" cy="72" rx="44" ry="11" fill="#fffaf0" stroke="#22302b" stroke-width="5" /><ellipse cx="94" cy="75" rx="34" ry="6.5" fill="#6b4630" />
    <path d="M80 52q-7-8 0-16t0-16M104 52q-7-8 0-16t0-16" fill="none" stroke="#fffaf0" stroke-width="5" stroke-linecap="round" opacity=".85" />
    <path d="M112 100v0M120 124v0M106 146v0" stroke="#fffaf0" stroke-width="5" stroke-linecap="round" opacity=".7" />`,

  'table-lamp': html`<circle cx="100" cy="84" r="78" fill="#f7d788" opacity=".35" />${shadow(48)}
    <path d="M93 96h14l4 58H89z" fill="#b97f4e" /><path d="M93 96h6l-2 58h-8z" fill="#cf9865" />
    <path d="M66 168q2-16 34-16t34 16z" fill="#b97f4e" /><path d="M66 168q2-16 34-16-16 4-18 16z" fill="#cf9865" />
    <path d="M36 100a64 60 0 0 1 128 0q0 5-6 5H42q-6 0-6-5z" fill="#fbeec9" /><path d="M36 100a64 60 0 0 1 64-60q-42 12-42 65H42q-6 0-6-5z" fill="#fff8e2" />
    <path d="M42 105h116q-10 9-58 9t-58-9z" fill="#e9cf92" />`,

  'coffee-beans': html`${shadow(52)}
    <path d="M56 56h88l6 112H50z" fill="#c8553d" /><path d="M56 56h24l-2 112H50z" fill="#d66f58" />
    <path d="M56 56q44 10 88 0l-4-22H60z" fill="#b34832" /><path d="M58 40h84v10H58z" fill="#22302b" />
    <circle cx="102" cy="112" r="29" fill="#fffaf0" />
    <g transform="rotate(28 102 112)"><ellipse cx="102" cy="112" rx="13" ry="18" fill="#6b4630" /><path d="M102 95q8 9 0 17t0 17" fill="none" stroke="#fffaf0" stroke-width="3.5" stroke-linecap="round" /></g>
    <path d="M158 160q8-8 14 0t-4 8q-12 2-10-8z" fill="#6b4630" />`,

  teapot: html`${shadow(56)}
    <path d="M142 96q24-4 27-28 1-6 8-4-2 46-34 62z" fill="#d8c5a2" />
    <path d="M56 100q-30-10-30 20t36 28" fill="none" stroke="#cdb78f" stroke-width="11" stroke-linecap="round" />
    <path d="M46 122q0-48 54-48t54 48q0 30-24 46H70q-24-16-24-46z" fill="#e8d9bd" /><path d="M46 122q0-44 46-48-22 12-22 50 0 28 14 44H70q-24-16-24-46z" fill="#f3e8d2" />
    <path d="M68 80q4-14 32-14t32 14q-14 5-32 5t-32-5z" fill="#d8c5a2" /><circle cx="100" cy="60" r="9" fill="#b97f4e" />
    <path d="M52 138q48 14 96 0" fill="none" stroke="#6f8fa6" stroke-width="5" opacity=".75" />`,

  radio: html`${shadow(70)}
    <path d="M132 62 166 22" stroke="#8d9794" stroke-width="4" stroke-linecap="round" /><circle cx="166" cy="22" r="5" fill="#8d9794" />
    <rect x="28" y="62" width="144" height="100" rx="16" fill="#8f5f38" /><rect x="28" y="62" width="144" height="92" rx="16" fill="#b97f4e" />
    <rect x="40" y="76" width="72" height="64" rx="8" fill="#fffaf0" />
    <path d="M50 90h52M50 99h52M50 108h52M50 117h52M50 126h52" stroke="#d8c5a2" stroke-width="4" stroke-linecap="round" />
    <circle cx="142" cy="92" r="14" fill="#22302b" /><path d="M142 92l7-8" stroke="#e3a945" stroke-width="4" stroke-linecap="round" />
    <circle cx="142" cy="126" r="10" fill="#22302b" /><path d="M142 126v-7" stroke="#fffaf0" stroke-width="3" stroke-linecap="round" />
    <path d="M46 162v6M154 162v6" stroke="#22302b" stroke-width="8" stroke-linecap="round" />`,

  'egg-cup': html`${shadow(62)}
    <path d="M42 98q0-42 28-42t28 42z" fill="#fdf1df" /><path d="M42 98q0-40 24-42-12 12-12 42z" fill="#fffaf0" />
    <path d="M38 96h64q-2 34-24 38v18q16 4 18 16H44q2-12 18-16v-18q-22-4-24-38z" fill="#a85a3c" /><path d="M38 96h22q0 30 10 38v34H44q2-12 18-16v-18q-22-4-24-38z" fill="#bf7150" />
    <path d="M112 118q0-30 22-30t22 30z" fill="#e9c9a4" /><path d="M112 118q0-28 18-30-8 8-8 30z" fill="#f3d9ba" />
    <path d="M108 116h52q-2 24-19 28v10q13 4 15 14h-44q2-10 15-14v-10q-17-4-19-28z" fill="#a85a3c" /><path d="M108 116h18q0 20 8 28v24h-22q2-10 15-14v-10q-17-4-19-28z" fill="#bf7150" />`,

  'pour-over': html`${shadow(48)}
    <path d="M84 100h32q2 12 16 26 14 18 4 42H64q-10-24 4-42 14-14 16-26z" fill="#d6e4e6" opacity=".95" />
    <path d="M61 136q8-2 20 2t38-2q14-3 20 0 4 16-3 32H64q-7-16-3-32z" fill="#6b4630" />
    <path d="M84 100h10q0 14-12 30-10 16-6 38H64q-10-24 4-42 14-14 16-26z" fill="#fff" opacity=".35" />
    <path d="M52 44h96l-24 48H76z" fill="#fffaf0" /><path d="M52 44h30l6 48H76z" fill="#fff" /><path d="M92 50l3 38M108 50l-3 38M126 50l-10 38M74 50l10 38" stroke="#e0d5c0" stroke-width="3" stroke-linecap="round" />
    <path d="M70 92h60v9H70z" fill="#c8553d" /><ellipse cx="100" cy="44" rx="48" ry="7" fill="#efe5d2" />
    <path d="M100 101v28" stroke="#6b4630" stroke-width="3" stroke-dasharray="5 6" stroke-linecap="round" />`,

  honey: html`${shadow(46)}
    <path d="M58 78h84q8 6 8 18v56q0 16-16 16H66q-16 0-16-16V96q0-12 8-18z" fill="#e3a945" /><path d="M58 78h22q-8 6-8 18v56q0 16 10 16H66q-16 0-16-16V96q0-12 8-18z" fill="#f0c36c" />
    <path d="M56 54h88v20q0 6-6 6H62q-6 0-6-6z" fill="#fffaf0" /><path d="M56 54h88v9H56z" fill="#e8d9bd" /><path d="M60 80q40 9 80 0" stroke="#c98f2c" stroke-width="4" fill="none" />
    <path d="M100 100l22 13v25l-22 13-22-13v-25z" fill="#fffaf0" /><path d="M100 112l11 6.5v13l-11 6.5-11-6.5v-13z" fill="#e3a945" />`,

  'wool-blanket': html`${shadow(70)}
    <path d="M34 126h132q8 0 8 8v24q0 10-10 10H36q-10 0-10-10v-24q0-8 8-8z" fill="#cfc4b0" />
    <path d="M38 92h124q10 0 10 10v18q0 8-8 8H36q-8 0-8-8v-18q0-10 10-10z" fill="#e8dfce" />
    <path d="M44 58h112q12 0 12 12v18q0 8-8 8H40q-8 0-8-8V70q0-12 12-12z" fill="#f6f0e3" />
    <path d="M40 84l8-10 8 10 8-10 8 10 8-10 8 10 8-10 8 10 8-10 8 10 8-10 8 10 8-10 8 10M36 118l8-10 8 10 8-10 8 10 8-10 8 10 8-10 8 10 8-10 8 10 8-10 8 10 8-10 8 10 8-10M36 154l8-10 8 10 8-10 8 10 8-10 8 10 8-10 8 10 8-10 8 10 8-10 8 10 8-10 8 10 8-10" fill="none" stroke="#a99b82" stroke-width="3" stroke-linejoin="round" opacity=".8" />
    <path d="M138 58h18v110h-18z" fill="#6f8fa6" opacity=".8" />`,

  'butter-dish': html`${shadow(74)}
    <rect x="22" y="148" width="156" height="20" rx="8" fill="#b97f4e" /><path d="M30 148h140v7H30z" fill="#cf9865" />
    <path d="M38 148v-34q0-34 34-34h56q34 0 34 34v34z" fill="#fffaf0" /><path d="M38 148v-34q0-34 34-34h10q-24 6-24 36v32z" fill="#fff" />
    <path d="M128 80q34 0 34 34v34h-16v-32q0-26-18-36z" fill="#e8dfce" />
    <circle cx="100" cy="72" r="11" fill="#fffaf0" stroke="#e8dfce" stroke-width="3" />
    <path d="M52 132h96" stroke="#6f8fa6" stroke-width="5" stroke-linecap="round" /><path d="M60 122v0M76 122v0M92 122v0M108 122v0M124 122v0M140 122v0" stroke="#6f8fa6" stroke-width="6" stroke-linecap="round" />`,

  'potted-fern': html`${shadow(46)}
    <g fill="none" stroke-linecap="round" stroke-width="6">
      <path d="M100 116Q96 60 64 32M100 116q-6-40-58-48M100 116q-10-22-62-6" stroke="#4f7358" />
      <path d="M100 116q4-56 36-84M100 116q6-40 58-48M100 116q10-22 62-6M100 116V26" stroke="#638a6d" />
    </g>
    <g fill="#4f7358"><path d="M64 32q-14 2-16 14 12 2 20-4zM78 48q-18-2-24 12 14 4 28 0zM88 68q-20 0-26 16 16 2 30-4zM42 68q-10 6-8 16 10-2 16-10zM60 76q-12 6-10 18 12-2 18-12zM38 110q-6 8 0 14 8-4 10-12z" /></g>
    <g fill="#7fa487"><path d="M136 32q14 2 16 14-12 2-20-4zM122 48q18-2 24 12-14 4-28 0zM112 68q20 0 26 16-16 2-30-4zM158 68q10 6 8 16-10-2-16-10zM140 76q12 6 10 18-12-2-18-12zM162 110q6 8 0 14-8-4-10-12zM100 22q10 10 0 24-10-14 0-24zM100 48q12 12 0 26-12-14 0-26z" /></g>
    <path d="M62 112h76v16H62z" fill="#b34832" /><path d="M68 128h64l-8 40H76z" fill="#c8553d" /><path d="M68 128h20l-2 40H76z" fill="#d66f58" />`,
}

/** A parcel, for what has not been drawn yet. */
const parcel = html`${shadow(58)}
  <path d="M44 76h112v92H44z" fill="#cf9865" /><path d="M44 76h30v92H44z" fill="#dcae80" /><path d="M52 52h96l8 24H44z" fill="#b97f4e" /><path d="M90 52h20v56l-10-8-10 8z" fill="#fffaf0" opacity=".8" />`

export const pictureOf = (product: string): Html =>
  html`<svg viewBox="0 0 200 200" role="presentation" focusable="false">${pictures[product] ?? parcel}</svg>`
