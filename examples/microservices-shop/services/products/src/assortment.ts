import type { Product } from '@shop/common'

/** What Morgen sells, in the order in which it is shown. */
export const assortment: readonly Product[] = [
  {
    id: 'moka-pot',
    name: 'Moka pot, six cups',
    description:
      'Octagonal, hand-polished, and loud enough to wake the house gently. The gasket is a standard part you can still buy in thirty years.',
    category: 'coffee',
    priceCents: 3900,
  },
  {
    id: 'enamel-mug',
    name: 'Enamel mug',
    description:
      'White inside, fern green outside, a dark rim that chips with dignity. Survives balconies, camp fires and dishwashers.',
    category: 'coffee',
    priceCents: 1250,
  },
  {
    id: 'table-lamp',
    name: 'Mushroom lamp',
    description:
      'Warm, dimmable light from a single dome of opal glass. Bright enough to read by, soft enough to be looked at before seven.',
    category: 'home',
    priceCents: 8900,
  },
  {
    id: 'coffee-beans',
    name: 'House beans, 500 g',
    description:
      'A light roast from Huehuetenango: red apple, almond, a little cocoa. Roasted on Mondays, sent on Tuesdays.',
    category: 'coffee',
    priceCents: 1680,
  },
  {
    id: 'teapot',
    name: 'Stoneware teapot',
    description:
      'Thrown on the wheel, glazed in oat. Holds a litre, pours without a drop, and keeps its lid on when tilted.',
    category: 'table',
    priceCents: 5400,
  },
  {
    id: 'radio',
    name: 'Kitchen radio',
    description: 'Two knobs: how loud, and which station. Oak front, honest sound, no account and no updates.',
    category: 'home',
    priceCents: 12900,
  },
  {
    id: 'egg-cup',
    name: 'Egg cup, pair',
    description: 'Turned from cherry wood and oiled by hand. Holds a soft-boiled egg as if it were something precious.',
    category: 'table',
    priceCents: 1800,
  },
  {
    id: 'pour-over',
    name: 'Pour-over set',
    description:
      'A ribbed porcelain dripper on a carafe of borosilicate glass. Four minutes, one filter, nothing to plug in.',
    category: 'coffee',
    priceCents: 4650,
  },
  {
    id: 'honey',
    name: 'Linden honey',
    description: 'From eleven hives behind the workshop, spun cold in July. Sets to a soft cream over the winter.',
    category: 'table',
    priceCents: 950,
  },
  {
    id: 'wool-blanket',
    name: 'Wool blanket',
    description:
      'Undyed merino from the Swabian Alb, woven in a herringbone. Large enough for two, or for one and a newspaper.',
    category: 'home',
    priceCents: 14900,
  },
  {
    id: 'butter-dish',
    name: 'Butter dish',
    description:
      'A porcelain bell on an ash board. Keeps butter at the temperature at which toast forgives everything.',
    category: 'table',
    priceCents: 3200,
  },
  {
    id: 'potted-fern',
    name: 'Potted fern',
    description:
      'A young Boston fern in a terracotta pot. Likes the window sill, steam from the kettle, and being talked to.',
    category: 'home',
    priceCents: 2400,
  },
]
