//! `PUT` of a package: a publish, or another change of its document.

use serde::Serialize;

use super::announce::announce;
use super::checks::{Checked, Tarball};
use super::claim::Claim;
use super::document::{Attached, Document};
use super::fault::PublishFault;
use super::intake::{Attachment, receive};
use super::publication::{Publication, Publisher};
use crate::context::Context;
use crate::http::{Answer, Content, Exchange, Problem, Reply, Request, Signature, Streamed};
use crate::json::Schemas;
use crate::registry::access::Writer;
use crate::registry::archive::Inspected;
use crate::registry::blobs::Content as Blob;
use crate::registry::documents::api::name_of;
use crate::registry::name::PackageName;
use crate::registry::packages::{self, change};
use crate::registry::uplinks;
use crate::registry::wording::busy;
use crate::shard;

/// What a changed package answers, as CouchDB did: 201.
#[derive(Serialize)]
pub struct Put {
    ok: bool,
    success: bool,
    id: String,
    rev: String,
}

/// `PUT /:@package`, with the revision in the path or without.
///
/// # Errors
/// Why there is no change.
pub async fn put(
    context: &Context,
    writer: Writer,
    _: Streamed,
    exchange: &mut Exchange<'_>,
) -> Result<Put, Problem> {
    let name = name_of(&exchange.request())?;
    let house = &context.house;
    let chain = uplinks::chain_of(context, &exchange.request());
    let admit = async || {
        house
            .registry
            .read(|view| Ok(writer.may_publish(view, &name)))??;
        Claim::make(context, &writer, &name, chain.clone()).await
    };
    let received = receive(exchange, &house.blobs, admit).await?;
    let rev = match received.tarball {
        Some(attachment) => {
            let publication = checked(name.clone(), &writer, received.document, attachment);
            let publication = publication.await?;
            let version = publication.version.clone();
            let changed = change::publish(context, publication).await?;
            announce(&name, &version);
            changed.revision
        }
        None => {
            let body = received.document;
            let known = name.clone();
            let read = shard::offload(move || match Document::attached(&body)? {
                Attached::Nothing => Ok(body),
                // There is no tarball among them, and what is missing is told.
                Attached::Something => Err(Document::parse(&body, &known, None)
                    .err()
                    .unwrap_or(PublishFault::Missing("tarball"))),
            });
            let body = read.await.map_err(busy)??;
            let changed = packages::api::put_document(context, writer, &name, None, body);
            changed.await?.revision
        }
    };
    Ok(Put {
        ok: true,
        success: true,
        id: name.to_string(),
        rev,
    })
}

/// Reads the document and holds the tarball against it, elsewhere and in steps.
async fn checked(
    name: PackageName,
    writer: &Writer,
    body: Vec<u8>,
    attachment: Attachment<Claim>,
) -> Result<Publication, Problem> {
    let Attachment {
        name: file,
        content,
        admitted: claim,
    } = attachment;
    let known = name.clone();
    let begun = shard::offload(move || {
        let document = Document::parse(&body, &known, Some(&file))?;
        let tarball = Tarball::begin(content.finish(), &known, &document)?;
        Ok::<_, PublishFault>((document, tarball.step()?))
    });
    let (document, mut checked) = begun.await.map_err(busy)??;
    let (tarball, inspected) = loop {
        match checked {
            Checked::More(more) => {
                let step = shard::offload(move || more.step()).await;
                checked = step.map_err(busy)??;
            }
            Checked::Done(content, inspected) => break (content, *inspected),
        }
    };
    let publisher = Publisher {
        account: writer.account(),
        name: writer.name().to_owned(),
        actor: writer.actor(),
        claim,
    };
    Ok(publication(name, document, tarball, inspected, publisher))
}

fn publication(
    name: PackageName,
    document: Document,
    tarball: Blob,
    inspected: Inspected,
    publisher: Publisher,
) -> Publication {
    let of_archive = inspected.readme.as_ref().map(|readme| readme.text.clone());
    Publication {
        name,
        version: document.version,
        tags: document.tags,
        manifest: document.manifest,
        members: document.members,
        access: document.access,
        readme: document
            .readme
            .filter(|text| !text.is_empty())
            .or(of_archive),
        tarball,
        inspected,
        publisher,
    }
}

impl Answer for Put {
    fn write(self, _: &Request<'_>, reply: &mut Reply<'_>) -> Result<(), Problem> {
        reply.status(201).json(&self);
        Ok(())
    }

    fn describe(_: &mut Schemas, signature: &mut Signature) {
        signature.replies.push((201, Some(Content::Bytes)));
    }
}
