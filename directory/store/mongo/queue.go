package mongo

import (
	driver "go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/usher-scim/usher/directory"
	"github.com/usher-scim/usher/directory/store/mongo/internal/record"
	"github.com/usher-scim/usher/scim"
)

// queue holds what a transaction has written and not sent.
type queue struct {
	resources []resourceWrite
	documents []documentWrite
	edges     []driver.WriteModel
	joins     []driver.WriteModel // of records: no longer free of groups
	events    []any

	resourceAt, documentAt map[string]int
}

// resourceWrite puts one resource in place of a version, 0 for none.
type resourceWrite struct {
	key string
	doc record.Resource
	res *scim.Resource
	was scim.Version
	// Unique values that it takes, those that the version it was had, and where those
	// begin that it may have had without this program knowing of them.
	takes, had, unknown []string
}

// documentWrite puts or removes one document.
type documentWrite struct {
	key  string
	doc  directory.Document
	was  scim.Version
	gone bool
}

func (q *queue) reset() {
	*q = queue{resourceAt: map[string]int{}, documentAt: map[string]int{}}
}

func (q *queue) empty() bool {
	return len(q.resources)+len(q.documents)+len(q.edges)+len(q.events) == 0
}

// put queues a resource. One that is queued already is replaced if the new one
// follows upon it; otherwise the queue must be sent first.
func (q *queue) put(w resourceWrite) bool {
	i, queued := q.resourceAt[w.key]
	if !queued {
		q.resourceAt[w.key] = len(q.resources)
		q.resources = append(q.resources, w)
		return true
	}
	if q.resources[i].res.Version != w.was {
		return false
	}
	w.was, w.had, w.unknown = q.resources[i].was, q.resources[i].had, q.resources[i].unknown
	q.resources[i] = w
	return true
}

// putDocument is put for documents.
func (q *queue) putDocument(w documentWrite) bool {
	i, queued := q.documentAt[w.key]
	if !queued {
		q.documentAt[w.key] = len(q.documents)
		q.documents = append(q.documents, w)
		return true
	}
	if q.documents[i].gone || w.gone || q.documents[i].doc.Version != w.was {
		return false
	}
	w.was = q.documents[i].was
	q.documents[i] = w
	return true
}

// resource is a queued resource.
func (q *queue) resource(key string) *scim.Resource {
	if i, ok := q.resourceAt[key]; ok {
		return q.resources[i].res
	}
	return nil
}

// document is a queued document, or the fact that it is gone.
func (q *queue) document(key string) (d directory.Document, gone, ok bool) {
	i, ok := q.documentAt[key]
	if !ok {
		return d, false, false
	}
	return q.documents[i].doc, q.documents[i].gone, true
}

// hasKind reports whether a document of a kind is queued.
func (q *queue) hasKind(kind directory.Kind) bool {
	for _, w := range q.documents {
		if w.doc.Kind == kind {
			return true
		}
	}
	return false
}
