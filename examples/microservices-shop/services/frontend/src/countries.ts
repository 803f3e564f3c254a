import type { Country } from '@shop/common'

export const countryNames: Record<Country, string> = {
  DE: 'Germany',
  AT: 'Austria',
  FR: 'France',
  NL: 'Netherlands',
  BE: 'Belgium',
  DK: 'Denmark',
  IT: 'Italy',
  ES: 'Spain',
  PL: 'Poland',
  CH: 'Switzerland',
  GB: 'United Kingdom',
  US: 'United States',
}
