// Package directory is the domain: organizations, the connections that provision
// them, their resources, and the rules every change must pass. It decides through
// plans and stores through ports; it knows neither HTTP nor any database.
package directory
