// Package estate has what an organization owns beside people and groups: applications and
// who has them, integrations, records, subscriptions, teams, licences, blocked addresses,
// accounts, verified domains, and the questions that rules and clients ask of it.
package estate
