//! HTTP, FTP, and what stands before them.

use super::{Net, Ready, SERVER};
use crate::failure::ensure;
use crate::unique::Directory;
use crate::web::{self, Site};
use crate::{Failure, Outcome, Program, Running, content};
use std::path::Path;
use std::time::Duration;

const SIZE: u64 = 3_000_000;

pub fn curl(net: &Net) -> Outcome<String> {
    let site = Site::new(SIZE)?;
    // http.server has a listen backlog of 5, which keeps many clients of any kernel waiting until they give up.
    let listening = "import http.server as h; h.ThreadingHTTPServer.request_queue_size = 128; \
                     h.test(h.SimpleHTTPRequestHandler, h.ThreadingHTTPServer, port=80)";
    let server = Program::python(listening).directory(site.path()).limit(Duration::from_secs(120));
    let _server = web::ready(net.server(server, 1))?;
    site.fetch_file(SERVER, |curl| net.client(curl))?;
    let many = web::curl(&format!("http://{SERVER}/?[1-100]"));
    net.client(many.words("--fail --parallel --parallel-immediate --parallel-max 100 -o /dev/null")).run()?;
    Ok("whole".into())
}

fn python_server(net: &Net, site: &Site) -> Outcome<Running> {
    web::ready(net.server(web::server(80, site.path()), 1))
}

pub fn wget(net: &Net) -> Outcome<String> {
    let (site, place) = (Site::new(SIZE)?, Directory::new("rump-wget")?);
    let _server = python_server(net, &site)?;
    let got = place.join("got");
    let fetch =
        Program::new("wget").words("-q --tries=1 --timeout=20 -O").arg(&got).arg(format!("http://{SERVER}/file"));
    net.client(fetch).run()?;
    same(&site.path().join("file"), &got)
}

/// PHP loads libcurl with RTLD_DEEPBIND.
pub fn php(net: &Net) -> Outcome<String> {
    let site = Site::new(SIZE)?;
    let _server = python_server(net, &site)?;
    let fetch = format!(
        "$c = curl_init('http://{SERVER}/file'); curl_setopt($c, CURLOPT_RETURNTRANSFER, true);
$got = curl_exec($c); echo $got === false ? curl_error($c) : hash('sha256', $got);"
    );
    let digest = net.client(Program::new("php").args(["-r", &fetch])).run()?.text();
    ensure(digest == content::sha256(&site.path().join("file"))?, || format!("what came is {digest}"))?;
    Ok("whole".into())
}

pub(super) fn same(sent: &Path, got: &Path) -> Outcome<String> {
    ensure(content::sha256(sent)? == content::sha256(got)?, || "what came is not what was sent".into())?;
    Ok("whole".into())
}

pub fn curl_https(net: &Net) -> Outcome<String> {
    let (site, place) = (Site::new(SIZE)?, Directory::new("rump-https")?);
    let (key, certificate) = certificate(&place)?;
    let server = Program::new("openssl").words("s_server -WWW -quiet -accept").arg(format!("{SERVER}:443"));
    let server = server.arg("-cert").arg(&certificate).arg("-key").arg(key).directory(site.path());
    let _server = net.start(server, 1, Ready::Takes(443))?;
    let got = place.join("got");
    let fetch = web::curl(&format!("https://{SERVER}/file")).arg("--cacert").arg(&certificate).arg("-o").arg(&got);
    net.client(fetch).run()?;
    same(&site.path().join("file"), &got)
}

/// A key and a certificate of 10.0.0.1, made anew.
pub(super) fn certificate(place: &Directory) -> Outcome<(std::path::PathBuf, std::path::PathBuf)> {
    let (key, certificate) = (place.join("key.pem"), place.join("certificate.pem"));
    let make = Program::new("openssl").words("req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=10.0.0.1");
    let make = make.words("-addext subjectAltName=IP:10.0.0.1").arg("-keyout").arg(&key).arg("-out").arg(&certificate);
    make.run()?;
    Ok((key, certificate))
}

/// As much of RFC 959 and RFC 2428 as an upload takes.
const FTP: &str = "import socket, sys
control = socket.create_server(('10.0.0.1', 21))
print('ready', flush=True)
c, _ = control.accept()
say = lambda text: c.sendall(text.encode() + b'\\r\\n')
say('220 ready')
for line in c.makefile('r', newline='\\r\\n'):
    word, _, rest = line.strip().partition(' ')
    if word == 'EPSV':
        data = socket.create_server(('10.0.0.1', 0))
        say('229 Extended (|||%d|)' % data.getsockname()[1])
    elif word == 'STOR':
        say('150 go on')
        d, _ = data.accept()
        with open(sys.argv[1], 'wb') as f:
            while piece := d.recv(65536):
                f.write(piece)
        say('226 done')
    elif word == 'QUIT':
        say('221 bye')
        break
    else:
        say({'USER': '331 password', 'PASS': '230 in', 'PWD': '257 \"/\"', 'TYPE': '200 binary'}.get(word, '502 no'))";

pub fn curl_ftp(net: &Net) -> Outcome<String> {
    let (site, place) = (Site::new(SIZE)?, Directory::new("rump-ftp")?);
    let got = place.join("got");
    let server = net.start(Program::python(FTP).arg(&got), 1, Ready::Says("ready"))?;
    let file = site.path().join("file");
    net.client(web::curl(&format!("ftp://{SERVER}/file")).arg("-T").arg(&file)).run()?;
    server.finish()?.success()?;
    same(&file, &got)
}

/// nginx in one process, on port 80 of 10.0.0.`number`.
pub(super) fn start_nginx(net: &Net, site: &Site, place: &Directory, number: u8) -> Outcome<Running> {
    let configuration = format!(
        "daemon off; master_process off; pid {place}/pid; error_log stderr info;
         events {{ worker_connections 512; }}
         http {{ access_log off; client_body_temp_path {place}; proxy_temp_path {place}; fastcgi_temp_path {place};
                 uwsgi_temp_path {place}; scgi_temp_path {place};
                 server {{ listen 80; root {site}; }} }}",
        place = place.path().display(),
        site = site.path().display()
    );
    let file = place.write("nginx.conf", configuration)?;
    net.start(Program::new("nginx").arg("-c").arg(file).arg("-p").arg(place.path()), number, Ready::Takes(80))
}

pub fn nginx(net: &Net) -> Outcome<String> {
    let (site, place) = (Site::new(SIZE)?, Directory::new("rump-nginx")?);
    let _server = start_nginx(net, &site, &place, 1)?;
    site.fetch_file(SERVER, |curl| net.client(curl))?;
    wrk(net, SERVER)
}

/// Two seconds of requests for the first page, none of which may fail.
fn wrk(net: &Net, host: &str) -> Outcome<String> {
    let wrk = Program::new("wrk").words("-t 2 -c 50 -d 2s --timeout 10s").arg(format!("http://{host}/"));
    let said = net.client(wrk).run()?.text();
    let failed = said.contains("Socket errors") || said.contains("Non-2xx");
    let rate = said.lines().find_map(|line| line.strip_prefix("Requests/sec:")).map(str::trim);
    match rate {
        Some(rate) if !failed => Ok(format!("{rate} requests/s")),
        _ => Err(Failure::new(format!("wrk says\n{said}"))),
    }
}

pub fn lighttpd(net: &Net) -> Outcome<String> {
    let (site, place) = (Site::new(SIZE)?, Directory::new("rump-lighttpd")?);
    let text = "server.document-root = \"SITE\"\nserver.port = 80\nserver.bind = \"10.0.0.1\"\nindex-file.names = (\"index.html\")\n";
    let file = place.write("lighttpd.conf", text.replace("SITE", &site.path().display().to_string()))?;
    let _server = net.start(Program::new("lighttpd").arg("-D").arg("-f").arg(file), 1, Ready::Takes(80))?;
    site.fetch_file(SERVER, |curl| net.client(curl))?;
    wrk(net, SERVER)
}

/// Its event MPM, which else forks processes of threads. It ends connections early where they are more than its threads.
pub fn apache(net: &Net) -> Outcome<String> {
    let (site, place) = (Site::new(SIZE)?, Directory::new("rump-apache")?);
    let configuration = format!(
        "ServerRoot {place}\nServerName rump\nPidFile pid\nMutex posixsem\nErrorLog /dev/stderr\nUser www-data\nGroup www-data\nListen 10.0.0.1:80
ThreadsPerChild 64\nMaxRequestWorkers 64\nMaxKeepAliveRequests 0
LoadModule mpm_event_module {modules}/mod_mpm_event.so\nLoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule dir_module {modules}/mod_dir.so\nDocumentRoot {site}\n",
        place = place.path().display(),
        modules = "/usr/lib/apache2/modules",
        site = site.path().display()
    );
    let file = place.write("apache.conf", configuration)?;
    let server = Program::new("apache2").words("-D ONE_PROCESS -D NO_DETACH -f").arg(file);
    let _server = net.start(server, 1, Ready::Takes(80))?;
    site.fetch_file(SERVER, |curl| net.client(curl))?;
    wrk(net, SERVER)
}

pub fn uvicorn(net: &Net) -> Outcome<String> {
    let place = Directory::new("rump-uvicorn")?;
    let application = "async def page(scope, receive, send):
    length = [(b'content-length', b'5')]
    await send({'type': 'http.response.start', 'status': 200, 'headers': length})
    await send({'type': 'http.response.body', 'body': b'page\\n'})\n";
    place.write("application.py", application)?;
    let server =
        Program::new("uvicorn").words("--loop uvloop --lifespan off --no-access-log --host 10.0.0.1 --port 80");
    let server = server.arg("application:page").env("PYTHONPATH", place.path());
    let _server = net.start(server, 1, Ready::Takes(80))?;
    wrk(net, SERVER)
}

pub fn haproxy(net: &Net) -> Outcome<String> {
    let (site, place) = (Site::new(SIZE)?, Directory::new("rump-haproxy")?);
    let _server = start_nginx(net, &site, &place, 1)?;
    let configuration = "global\n  nbthread 2\ndefaults\n  mode http\n  timeout connect 5s\n  timeout client 10s\n  timeout server 10s\n\
         frontend f\n  bind 10.0.0.2:80\n  default_backend b\nbackend b\n  server s 10.0.0.1:80\n";
    let file = place.write("haproxy.cfg", configuration)?;
    let _proxy = net.start(Program::new("haproxy").arg("-db").arg("-f").arg(file), 2, Ready::Takes(80))?;
    site.fetch_file("10.0.0.2", |curl| net.client(curl))?;
    wrk(net, "10.0.0.2")
}

pub fn git(net: &Net) -> Outcome<String> {
    let place = Directory::new("rump-git")?;
    let git = || Program::new("git").words("-c user.name=n -c user.email=e -c init.defaultBranch=main");
    let (source, bare, clone) = (place.join("source"), place.join("bare.git"), place.join("clone"));
    git().words("init -q").arg(&source).run()?;
    content::write(&source.join("file"), SIZE)?;
    git().words("add file").directory(&source).run()?;
    git().words("commit -q -m first").directory(&source).run()?;
    git().words("clone -q --bare").arg(&source).arg(&bare).run()?;
    git().words("update-server-info").directory(&bare).run()?;
    let _server = web::ready(net.server(web::server(80, place.path()), 1))?;
    net.client(git().words("clone -q").arg(format!("http://{SERVER}/bare.git")).arg(&clone)).run()?;
    same(&source.join("file"), &clone.join("file"))
}
