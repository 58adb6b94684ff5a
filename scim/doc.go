// Package scim is the vocabulary of SCIM 2.0 (RFC 7643): attributes, schemas,
// resource types, and resources as records compiled from them, with a strict
// one-pass JSON reader and an appending writer. It knows nothing of HTTP, of
// stores or of rules.
package scim

// The URNs of the protocol (RFC 7643 section 8.7, RFC 7644 section 8.2).
const (
	UserURN           = "urn:ietf:params:scim:schemas:core:2.0:User"
	GroupURN          = "urn:ietf:params:scim:schemas:core:2.0:Group"
	EnterpriseUserURN = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	SchemaURN         = "urn:ietf:params:scim:schemas:core:2.0:Schema"
	ResourceTypeURN   = "urn:ietf:params:scim:schemas:core:2.0:ResourceType"
	ConfigURN         = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"

	ListResponseURN  = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
	SearchRequestURN = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
	PatchOpURN       = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
	BulkRequestURN   = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
	BulkResponseURN  = "urn:ietf:params:scim:api:messages:2.0:BulkResponse"
	ErrorURN         = "urn:ietf:params:scim:api:messages:2.0:Error"
)

// The limits that hold before anything is parsed (security rows K38, K46-K48).
const (
	MaxDepth        = 32      // nesting of JSON, of filters and of paths
	MaxString       = 8 << 10 // bytes of one string value
	MaxFilter       = 8 << 10 // bytes of one filter
	MaxFilterTerms  = 64      // comparisons in one filter
	MaxPatchOps     = 1000    // operations of one PATCH
	MaxListElements = 100_000 // elements of one multi-valued attribute in a body
)
